// Package net cuts and shapes the network of a process from outside: a network namespace in,
// dropped, late or damaged packets out. It knows nothing of containers or clusters, and nothing need be installed
// where it acts.
//
// The one idea: packets are dropped on their way *in*, by source address, because a drop on
// the way out would show the sender an error that no real network shows. So a cut is
// one-way by nature, and two of them make a partition. The rule counts what it drops: that
// is the evidence that a cut bit.
//
//	namespace of n1                       table inet faultline
//	  eth0 --> input chain, before others: source in "cut4" or "cut6"? count, drop
//
// Shaping is done on the way in, too: a rule hands packets to a queue of this process
// (shape_linux.go), which gives its verdicts late, or changes or drops what it holds
// (queue_linux.go). So links are shaped by their two ends, and a kernel without netem does.
//
// Everything lives in tables of our own, so that healing is to delete those, and nothing
// else in the namespace is touched. Start with Open.
package net

// Package net cuts the network of a process from outside: a network namespace in, dropped
// packets out. It knows nothing of containers or clusters, and nothing need be installed
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
// Everything lives in one table of our own, so that healing is to delete that table, and
// nothing else in the namespace is touched. Start with Open.
package net

// Package faultline is the public face of the harness: Main is the command line, Check a
// run inside go test.
//
// A program that tests its own system is three lines around Main with a target of its own:
//
//	func main() { faultline.Main(mytarget) }
//
// An extension is a cluster.Target, a workloads.Workload or a checkers.Checker. The package
// composes what the rooms below it offer and decides nothing itself; start with Main, then
// Settings, which turns words and numbers into a harness.Test.
package faultline

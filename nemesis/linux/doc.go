// Package linux holds what the injectors below it share: who belongs to a container
// (members_linux.go). An injector knows a process or a network namespace, never a cluster.
package linux

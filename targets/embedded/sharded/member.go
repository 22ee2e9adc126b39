package sharded

import (
	"github.com/faultline-dev/faultline/harness/node"
	"github.com/faultline-dev/faultline/targets/embedded/raft"
)

// member is a node's part in one group: a server of package raft, and the world as that
// sees it, in which there is nothing but its group.
type member struct {
	node.Env
	*raft.Server
	n     *server
	group int
	name  string // before the names of its files and in its log lines

	leads bool
	term  uint64
}

// Send implements node.Env.
func (m *member) Send(to node.ID, message node.Message) {
	m.Env.Send(to, &Grouped{Group: m.group, M: message})
}

// Reply implements node.Env.
func (m *member) Reply(id node.RequestID, message node.Message) { m.n.answered(id, message) }

// Leading implements node.Env.
func (m *member) Leading(term uint64, leads bool) {
	m.term, m.leads = term, leads
	m.n.tellLeading(term)
}

// Disk implements node.Env.
func (m *member) Disk() node.Disk { return files{m.Env.Disk(), m.name + "-"} }

// Logf implements node.Env.
func (m *member) Logf(format string, args ...any) { m.Env.Logf(m.name+": "+format, args...) }

// files are those of one group on the node's disk.
type files struct {
	node.Disk
	prefix string
}

// Read implements node.Disk.
func (f files) Read(file string) ([]byte, error) { return f.Disk.Read(f.prefix + file) }

// Append implements node.Disk.
func (f files) Append(file string, data []byte, done func(error)) {
	f.Disk.Append(f.prefix+file, data, done)
}

// Replace implements node.Disk.
func (f files) Replace(file string, data []byte, done func(error)) {
	f.Disk.Replace(f.prefix+file, data, done)
}

// Sync implements node.Disk.
func (f files) Sync(file string, done func(error)) { f.Disk.Sync(f.prefix+file, done) }

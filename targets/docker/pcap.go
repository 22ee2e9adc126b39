package docker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gopacket/gopacket"
	link "github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

const (
	// snap is how much of a packet is kept: its headers and the beginning of what it carries.
	snap = 512
	// pcapLimit is how much of a node's packets is kept.
	pcapLimit = 128 << 20
)

// packets keeps what a node sends and receives in packets.pcap in its folder, also when it
// starts again.
type packets struct {
	member *member
	file   *os.File
	writer *pcapgo.Writer
	size   int64
	live   *capture // nil: the node is down
	failed error
}

// openPackets makes the file; the capture begins with the node's process.
func (m *member) openPackets(dir string) error {
	folder := filepath.Join(dir, "nodes", m.Name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(folder, "packets.pcap"))
	if err != nil {
		return err
	}
	m.packets = &packets{member: m, file: f, writer: pcapgo.NewWriterNanos(f)}
	m.followed = append(m.followed, m.packets)
	return m.packets.writer.WriteFileHeader(snap, link.LinkTypeEthernet)
}

func (p *packets) began(int) (err error) {
	p.live, err = openCapture(p.member.wires, snap, p.take)
	return err
}

func (p *packets) ended() error {
	if p.live == nil {
		return nil
	}
	err := p.live.Close()
	p.live = nil
	return err
}

// take writes a packet down, until there is no more room for it.
func (p *packets) take(at time.Time, packet []byte, length int) {
	if p.failed != nil || p.size > pcapLimit {
		return
	}
	p.size += int64(len(packet)) + 16
	p.failed = p.writer.WritePacket(gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(packet), Length: length}, packet)
}

// close ends the file. That packets were lost is worth an error, no more.
func (p *packets) close() error {
	err := errors.Join(p.ended(), p.failed, p.file.Close())
	if err != nil {
		return fmt.Errorf("keep the packets of %s: %w", p.member.Name, err)
	}
	return nil
}

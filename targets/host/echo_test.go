package host

import "github.com/faultline-dev/faultline/harness/node"

// text is a message that is its own encoding.
type text string

func (m text) AppendBinary(b []byte) ([]byte, error) { return append(b, m...), nil }

func textCodec(b []byte) (node.Message, error) { return text(b), nil }

package node

import "encoding/json"

// AppendJSON and DecodeJSON are for a system whose messages are plain structs of one type:
//
//	func (m message) AppendBinary(b []byte) ([]byte, error) { return node.AppendJSON(b, m) }
//
//	node.System{New: ..., Codec: node.DecodeJSON[message]}

// AppendJSON appends a value's encoding.
func AppendJSON(b []byte, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	return append(b, text...), err
}

// DecodeJSON is the Codec of what AppendJSON encodes.
func DecodeJSON[M Message](b []byte) (Message, error) {
	var m M
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, err
	}
	return m, nil
}

package node

import "testing"

type greeting struct {
	Text  string
	Times int64
}

func (g greeting) AppendBinary(b []byte) ([]byte, error) { return AppendJSON(b, g) }

// A message comes back as what it was, and what is none is refused.
func TestJSON(t *testing.T) {
	sent := greeting{"hello\n", -1}
	b, err := sent.AppendBinary([]byte("x"))
	if err != nil || b[0] != 'x' {
		t.Fatalf("appended to x: %q, %v", b, err)
	}
	if got, err := DecodeJSON[greeting](b[1:]); err != nil || got != Message(sent) {
		t.Errorf("decoded %v, %v; sent %v", got, err, sent)
	}
	for _, text := range []string{"", "{", "[]", `{"Times":"once"}`} {
		if got, err := DecodeJSON[greeting]([]byte(text)); err == nil || got != nil {
			t.Errorf("decoded %q as %v, %v", text, got, err)
		}
	}
}

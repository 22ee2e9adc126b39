package host

import "sync"

// outbox holds frames on their way to a writer, in one buffer, up to a limit.
type outbox struct {
	limit int
	wake  chan struct{}

	mu     sync.Mutex
	frames []byte
	spare  []byte
}

func newOutbox(limit int) *outbox { return &outbox{limit: limit, wake: make(chan struct{}, 1)} }

// put appends a frame, unless the box is full. A frame beyond the limit fits an empty box.
func (o *outbox) put(encode func([]byte) ([]byte, error)) (fit bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := len(o.frames)
	frames, err := encode(o.frames)
	if err != nil {
		return true, err
	}
	if len(frames) > o.limit && before > 0 {
		return false, nil
	}
	o.frames = frames
	select {
	case o.wake <- struct{}{}:
	default:
	}
	return true, nil
}

// take returns all frames; they are valid until the next take.
func (o *outbox) take() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	frames := o.frames
	o.frames, o.spare = o.spare[:0], frames
	return frames
}

// clear drops all frames.
func (o *outbox) clear() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.frames = o.frames[:0]
}

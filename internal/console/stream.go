package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// heartbeat keeps proxies from closing a quiet stream and shows when the browser has gone.
const heartbeat = 20 * time.Second

// stream writes server-sent events.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// openStream begins the answer. The server's write timeout does not apply to it.
func openStream(w http.ResponseWriter) stream {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	s := stream{w, http.NewResponseController(w)}
	s.flush("retry: 1000\n\n")
	return s
}

// send writes one event and reports whether the browser is still there.
func (s stream) send(name, id string, data any) bool {
	text, err := json.Marshal(data)
	if err != nil {
		return false
	}
	if id != "" {
		id = "id: " + id + "\n"
	}
	return s.flush(fmt.Sprintf("event: %s\n%sdata: %s\n\n", name, id, text))
}

func (s stream) beat() bool { return s.flush(": still here\n\n") }

func (s stream) flush(text string) bool {
	_ = s.control.SetWriteDeadline(time.Now().Add(heartbeat))
	_, err := s.w.Write([]byte(text))
	return err == nil && s.control.Flush() == nil
}

package hookhost_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/hookhost"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// BenchmarkDelivery is a signed push as GitHub sends it, from request to durable answer, with many senders at once.
func BenchmarkDelivery(b *testing.B) {
	s := serve(b, hookhost.Options{})
	path := s.hook("push", pipeline.WebhookHMAC, secret, branch)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	var n atomic.Int64
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			body := fmt.Sprintf(`{"ref": "refs/heads/main", "after": "%d", "commits": [%s]}`, i, strings.Repeat(`{"id": "1"},`, 20)+"1")
			r, err := http.NewRequest(http.MethodPost, s.http.URL+path, strings.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			headers := append(signed(body), "X-GitHub-Delivery", fmt.Sprint(i))
			for i := 0; i < len(headers); i += 2 {
				r.Header.Set(headers[i], headers[i+1])
			}
			resp, err := client.Do(r)
			if err != nil {
				b.Error(err)
				return
			}
			text, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if !strings.Contains(string(text), "started") || resp.StatusCode != http.StatusOK {
				b.Errorf("%s %s", resp.Status, text)
			}
		}
	})
}

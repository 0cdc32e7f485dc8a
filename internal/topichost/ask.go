package topichost

import (
	"net/http"

	"github.com/conveyor-cd/conveyor/internal/webpage"
)

// ask shows people what their link would do, and does it when they press the button: programs that look into mail open
// every link in it.
func (h *Host) ask(w http.ResponseWriter, r *http.Request, what string) {
	p := question{Confirm: what == "confirm", Topic: r.URL.Query().Get("TopicArn")}
	if p.Topic == "" {
		p.Topic = r.URL.Query().Get("SubscriptionArn")
	}
	status := http.StatusOK
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodPost:
		_, err := h.act(r, p.Confirm)
		if err != nil && !h.isRefusal(err) {
			h.broken(w, err)
			return
		}
		p.Done = true
		if err != nil {
			p.Refused, status = true, http.StatusBadRequest
		}
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "open this link, or post to it", http.StatusMethodNotAllowed)
		return
	}
	if err := pages.Write(w, r, status, p); err != nil {
		h.broken(w, err)
	}
}

// question is what the page of a link shows.
type question struct {
	Confirm, Done, Refused bool
	Topic                  string
}

var pages = webpage.MustParse(`{{define "title"}}
{{- if .Refused}}{{t "This link is wrong or has expired" "잘못되었거나 만료된 링크입니다"}}
{{- else if and .Done .Confirm}}{{t "Subscribed" "구독했습니다"}}
{{- else if .Done}}{{t "Unsubscribed" "구독을 해지했습니다"}}
{{- else if .Confirm}}{{t "Subscribe to this topic?" "이 토픽을 구독할까요?"}}
{{- else}}{{t "Unsubscribe from this topic?" "이 토픽의 구독을 해지할까요?"}}{{end}}
{{- end}}
{{define "body"}}
{{- if .Refused}}<p>{{t "Nothing was changed." "변경된 것은 없습니다."}}</p>
{{- else}}
<dl><dt>{{t "Topic" "토픽"}}</dt><dd>{{.Topic}}</dd></dl>
{{- if and .Done .Confirm}}
<p>{{t "You will get its messages." "이 토픽의 메시지를 받게 됩니다."}}</p>
{{- else if .Done}}
<p>{{t "You will get no more of its messages." "더 이상 이 토픽의 메시지를 받지 않습니다."}}</p>
{{- else}}
<form method="post"><div class="buttons"><button class="first">{{if .Confirm}}{{t "Subscribe" "구독"}}{{else}}{{t "Unsubscribe" "구독 해지"}}{{end}}</button></div></form>
{{- end}}
{{- end}}
{{end}}`)

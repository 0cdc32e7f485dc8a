package githost

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"sync"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
)

// maxProgress bounds the progress that is kept while the client still sends.
const maxProgress = 64 << 10

// receive serves a push.
//
// The order is what matters: the updates the client wants are journalled, then git runs, then the updates git made are
// recorded as events, then the client is told. What git reports is held back for that; its progress is not. Once git
// has the whole pack, neither a client that goes away nor a stopping server interrupts it.
func (h *Host) receive(w http.ResponseWriter, req *request) {
	body, err := h.body(w, req)
	if err != nil {
		say(w, http.StatusBadRequest, err.Error())
		return
	}
	in := bufio.NewReaderSize(body, 64<<10)
	push, err := readPushRequest(in)
	if err != nil {
		say(w, http.StatusBadRequest, err.Error())
		return
	}
	for _, u := range push.updates {
		if err := errors.Join(gitrepo.ValidRef(u.Ref), h.mayMove(req, u.Ref)); err != nil {
			h.answer(w, push).refusePush(in, err)
			return
		}
	}
	ctx := context.WithoutCancel(req.Context())
	var intent *gitrepo.Intent
	if len(push.updates) > 0 {
		if intent, err = h.repos.Intend(ctx, req.repo, req.caller.Arn, push.updates); err != nil {
			req.log.Error("push is refused: it cannot be noted down", "error", err)
			h.answer(w, push).refusePush(in, fmt.Errorf("the server cannot record it now, so nothing was changed; push again later: %w", err))
			return
		}
		go h.repos.Warm(req.repo) // whoever hears of the push will read it
	}
	cmd, errs := h.command(req.with(ctx), "receive-pack", "--stateless-rpc", ".")
	if intent != nil {
		cmd.ExtraFiles = append(cmd.ExtraFiles, intent.Lock())
	}
	a := h.answer(w, push)
	err = a.run(cmd, io.MultiReader(bytes.NewReader(push.raw), in))
	if err != nil {
		req.log.Warn("push failed", "error", err, "git", errs.String())
	}
	if intent != nil {
		if err := a.settle(ctx, intent); err != nil {
			req.log.Error("push is not recorded", "error", err)
			a.refuse(whyNotRecorded(err))
			return
		}
	}
	a.finish()
}

// mayMove asks for each ref by itself, so that a policy about some branches neither lets others pass along with them nor
// has to list all.
func (h *Host) mayMove(req *request, ref string) error {
	err := h.allow(req.Request, req.caller, receivePack, req.repo, map[string][]string{"codecommit:References": {ref}})
	if err != nil {
		return fmt.Errorf("%s: %w", ref, err)
	}
	return nil
}

// with is the request in another context.
func (req *request) with(ctx context.Context) *request {
	r := *req
	r.Request = req.WithContext(ctx)
	return &r
}

// answer is what goes back to the client of a push.
type answer struct {
	w        http.ResponseWriter
	rc       *http.ResponseController
	host     *Host
	sideband bool

	mu       sync.Mutex
	bodyDone bool   // the request was read to its end, so that the answer may begin
	begun    bool   // the answer has begun
	gone     bool   // the client went away; nothing is written any more
	progress []byte // packets that wait for bodyDone

	held   []byte // git's packets from the first of the report on
	report []byte // the report within them
}

// answer makes the answer to a push.
func (h *Host) answer(w http.ResponseWriter, push pushRequest) *answer {
	return &answer{w: w, rc: http.NewResponseController(w), host: h, sideband: push.capabilities["side-band-64k"] || push.capabilities["side-band"]}
}

// refusePush answers a push that git never sees.
func (a *answer) refusePush(body io.Reader, why error) {
	_, _ = io.CopyN(io.Discard, body, a.host.drain())
	a.refuse("the push was refused: " + why.Error())
}

// run runs git to its end. Its error says why git failed; the report, when there is one, says more.
func (a *answer) run(cmd *exec.Cmd, body io.Reader) error {
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var feeding sync.WaitGroup
	feeding.Go(func() { a.feed(stdin, body) })
	relayed := a.relay(stdout)
	// Whatever could not be understood is read, so that git can end.
	_, _ = io.Copy(io.Discard, stdout)
	ended := cmd.Wait()
	feeding.Wait()
	return errors.Join(relayed, ended)
}

// feed gives git the request. When git stops listening the rest is read and thrown away, since a client listens only
// after it has said everything.
func (a *answer) feed(stdin io.WriteCloser, body io.Reader) {
	_, err := io.Copy(stdin, body)
	stdin.Close()
	if err != nil {
		_, _ = io.CopyN(io.Discard, body, a.host.drain())
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bodyDone = true
	a.write(a.progress)
	a.progress = nil
}

// drain is how much of a push that git has refused is read.
func (h *Host) drain() int64 { return 1 << 30 }

// relay reads git's answer: progress goes to the client, everything from the report on is held back.
func (a *answer) relay(stdout io.Reader) error {
	out := bufio.NewReaderSize(stdout, 64<<10)
	if !a.sideband {
		held, err := io.ReadAll(io.LimitReader(out, maxReportBytes))
		a.held, a.report = held, held
		return err
	}
	for {
		raw, payload, special, err := readPkt(out)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !special && len(payload) > 0 && payload[0] != bandReport && len(a.held) == 0 {
			a.tell(raw)
			continue
		}
		if a.held = append(a.held, raw...); len(a.held) > maxReportBytes {
			return fmt.Errorf("git's report is longer than %d bytes", maxReportBytes)
		}
		if !special && len(payload) > 0 && payload[0] == bandReport {
			a.report = append(a.report, payload[1:]...)
		}
	}
}

// tell sends a packet of progress, as soon as the client listens.
func (a *answer) tell(raw []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.bodyDone:
		a.write(raw)
	case len(a.progress)+len(raw) <= maxProgress:
		a.progress = append(a.progress, raw...)
	}
}

// write sends data. A client that went away changes nothing: the push goes on without it.
func (a *answer) write(data []byte) {
	if len(data) == 0 || a.gone {
		return
	}
	if !a.begun {
		plain(a.w, "application/x-git-receive-pack-result")
		a.begun = true
	}
	f := flusher{w: a.w, rc: a.rc, idle: a.host.opts.Idle}
	if _, err := f.Write(data); err != nil {
		a.gone = true
	}
}

// settle turns what git did into events.
func (a *answer) settle(ctx context.Context, intent *gitrepo.Intent) error {
	rep := parseReport(a.report)
	if !rep.complete {
		return intent.Unknown(ctx)
	}
	return intent.Landed(ctx, rep.ok)
}

// finish tells the client what git said.
func (a *answer) finish() {
	if len(a.held) == 0 && !a.begun {
		plain(a.w, "application/x-git-receive-pack-result")
		a.w.WriteHeader(http.StatusOK)
		return
	}
	a.write(a.held)
}

// whyNotRecorded says why a push has no event.
func whyNotRecorded(err error) string {
	if errors.Is(err, gitrepo.ErrNoRepository) {
		return "the repository was deleted during the push"
	}
	return "the push could not be recorded yet; the server keeps trying: " + err.Error()
}

// refuse tells the client that its push must not be relied on.
func (a *answer) refuse(text string) {
	if !a.begun && !a.sideband {
		say(a.w, http.StatusInternalServerError, text)
		return
	}
	a.write(append(sideband(bandError, []byte(text+"\n")), "0000"...))
}

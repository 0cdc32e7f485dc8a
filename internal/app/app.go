// Package app makes one server out of all rooms and runs it: it opens what is stored, wires services, providers and
// runners, listens on the one public port, and ends everything in order.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/conveyor-cd/conveyor/internal/config"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
)

// App is one server. Open makes it, Run serves until its context ends and leaves nothing behind.
type App struct {
	config   config.Config
	log      *slog.Logger
	listener net.Listener
	rooms    *rooms
	health   *health
	http     *http.Server
	closers  closers
	options  options
}

// Open takes the data directory and the port, and opens every room. Nothing works on jobs before Run.
func Open(ctx context.Context, c config.Config, log *slog.Logger, with ...Option) (*App, error) {
	a := &App{config: c, log: log}
	for _, option := range with {
		option(&a.options)
	}
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.closers.close())
	}
	return a, nil
}

func (a *App) open(ctx context.Context) error {
	if err := os.MkdirAll(a.config.Data, 0o700); err != nil {
		return fmt.Errorf("making the data directory: %w", err)
	}
	unlock, err := lock(a.config)
	if err != nil {
		return err
	}
	a.closers = append(a.closers, unlock...)
	seat, err := takeSeat(a.config.Data, a.config.Builds.Directory)
	if err != nil {
		return err
	}
	a.closers = append(a.closers, seat.leave)
	listener, err := net.Listen("tcp", a.config.Listen)
	if err != nil {
		return fmt.Errorf("listening (choose another address with --listen): %w", err)
	}
	a.listener = listener
	a.closers = append(a.closers, func() error { return ignoreClosed(listener.Close()) })
	a.config.PublicURL = reachedAt(a.config.PublicURL, listener.Addr())

	db, err := sqlstore.Open(ctx, a.config.Database, sqlstore.Options{Logger: a.log})
	if err != nil {
		return err
	}
	a.closers = append(a.closers, db.Close)
	if err := together(ctx, a.config, db); err != nil {
		return err
	}
	a.health = &health{ping: db.Ping, data: a.config.Data}
	a.rooms, err = openRooms(ctx, a.config, a.options, seat, db, a.log)
	if a.rooms != nil {
		a.closers = append(a.closers, a.rooms.closers.close)
	}
	if err != nil {
		return err
	}
	if err := writeEndpoint(a.config); err != nil {
		return err
	}
	a.http = &http.Server{
		Handler:           a.rooms.front(a.health),
		ReadHeaderTimeout: 20 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	return nil
}

// URL is how clients reach the server.
func (a *App) URL() string { return a.config.PublicURL }

// Run serves until ctx ends, then drains within the shutdown timeout and closes everything. It returns nil after an
// orderly stop.
func (a *App) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, a.closers.close()) }()
	if err := a.rooms.begin(ctx); err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- a.http.Serve(a.listener) }()
	a.health.ready.Store(true)
	if !a.options.directories {
		a.sayHowToSignIn(ctx)
	}
	a.log.Info("serving", "url", a.config.PublicURL, "data", a.config.Data, "region", a.config.Region)

	select {
	case err = <-served: // the listener broke: what runs is still ended in order
	case <-ctx.Done():
	}
	a.log.Info("stopping", "timeout", a.config.ShutdownTimeout.String())
	err = errors.Join(err, a.drain())
	a.log.Info("stopped")
	return err
}

// sayHowToSignIn prints a link to the console for the person who starts the server in a terminal. It is never logged.
func (a *App) sayHowToSignIn(ctx context.Context) {
	if info, err := os.Stderr.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return // nobody sits there: conveyor console makes a link when one is wanted
	}
	link, err := a.rooms.console.RootLink(ctx, a.config.Data)
	if err != nil {
		a.log.Warn("no link to the console could be made; conveyor console makes one", "error", err)
		return
	}
	fmt.Fprintf(os.Stderr, "\nThe console (the link works once, within ten minutes):\n  %s\n\n", link)
}

// drain stops taking requests and jobs. What cannot end in time is cut off: the database knows it is unfinished, and
// the next start goes on with it.
func (a *App) drain() error {
	a.health.ready.Store(false)
	ctx, cancel := context.WithTimeout(context.Background(), a.config.ShutdownTimeout)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- a.rooms.stop(ctx) }()
	// Requests get most of the time, but never all of it: an endless download must not keep the process.
	patience, cancelPatience := context.WithTimeout(ctx, a.config.ShutdownTimeout/2)
	defer cancelPatience()
	if err := a.http.Shutdown(patience); err != nil {
		a.log.Warn("cutting off requests that did not end", "error", err)
		_ = a.http.Close()
	}
	return <-stopped
}

// closers end what was opened, in reverse order.
type closers []func() error

func (c closers) close() error {
	var errs []error
	for _, closer := range slices.Backward(c) {
		errs = append(errs, closer())
	}
	return errors.Join(errs...)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

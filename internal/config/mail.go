package config

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// Mail is how the server sends mail. Without a Host it cannot.
type Mail struct {
	Host         string // HOST:PORT of the SMTP server
	From         string // the address mail comes from
	User         string
	Password     string
	PasswordFile string
	TLS          string // starttls, tls or none
}

func (m *Mail) bind(fs *pflag.FlagSet) {
	fs.StringVar(&m.Host, "smtp-host", "", "`address` (HOST:PORT) of the SMTP server that mail is sent by; without one no mail is sent")
	fs.StringVar(&m.From, "smtp-from", "", "`address` that mail comes from, such as conveyor@example.com")
	fs.StringVar(&m.User, "smtp-user", "", "`name` to sign in to the SMTP server with")
	fs.StringVar(&m.Password, "smtp-password", "", "`password` for smtp-user; other users of the machine see flags, so rather give it as CONVEYOR_SMTP_PASSWORD or by smtp-password-file")
	fs.StringVar(&m.PasswordFile, "smtp-password-file", "", "`file` whose first line is the password for smtp-user")
	fs.StringVar(&m.TLS, "smtp-tls", "starttls", "`encryption` of the connection to the SMTP server: starttls, tls (from the start) or none")
}

func (m *Mail) check() error {
	if m.TLS != "starttls" && m.TLS != "tls" && m.TLS != "none" {
		return fmt.Errorf("setting smtp-tls: %q is none of starttls, tls, none", m.TLS)
	}
	if m.Host == "" {
		if m.From != "" || m.User != "" {
			return errors.New("setting smtp-host: it is needed for the other smtp settings to have an effect")
		}
		return nil
	}
	if _, port, err := net.SplitHostPort(m.Host); err != nil || port == "" {
		return fmt.Errorf("setting smtp-host: %q is not HOST:PORT, such as smtp.example.com:587", m.Host)
	}
	if a, err := mail.ParseAddress(m.From); err != nil || a.Address == "" {
		return fmt.Errorf("setting smtp-from: %q is not an address that mail can come from", m.From)
	}
	return m.readPassword()
}

func (m *Mail) readPassword() error {
	if m.PasswordFile == "" {
		return nil
	}
	if m.Password != "" {
		return errors.New("settings smtp-password and smtp-password-file: give one of them")
	}
	text, err := os.ReadFile(m.PasswordFile)
	if err != nil {
		return fmt.Errorf("setting smtp-password-file: %w", err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	m.Password = strings.TrimSuffix(first, "\r")
	return nil
}

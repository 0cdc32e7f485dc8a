package config

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"
)

// Keep says for how long a server keeps what failed builds leave, for conveyor build shell.
type Keep struct {
	Time    time.Duration // without use, when the project does not say how long
	Longest time.Duration // in any case
	Most    int           // workspaces at a time; 0: none
}

func (k *Keep) bind(fs *pflag.FlagSet) {
	fs.DurationVar(&k.Time, "build-keep-time", time.Hour, "`time` for which what a failed build left is kept for conveyor build shell, from its end and from that of each shell in it, when its ConveyorKeepFailed is true")
	fs.DurationVar(&k.Longest, "build-keep-longest", 24*time.Hour, "`time` after which it goes, with a shell in it or not; ConveyorKeepFailed may ask for no more")
	fs.IntVar(&k.Most, "build-keep-most", 4, "`number` of failed builds whose workspaces are kept at a time; the oldest goes for the newest, and 0 keeps none")
}

func (k *Keep) check() error {
	if k.Time <= 0 {
		return fmt.Errorf("setting build-keep-time: %s is no time in which anybody could open a shell; build-keep-most 0 keeps nothing", k.Time)
	}
	if k.Longest < k.Time {
		return fmt.Errorf("setting build-keep-longest: %s is less than build-keep-time, %s", k.Longest, k.Time)
	}
	if k.Most < 0 {
		return fmt.Errorf("setting build-keep-most: %d is less than 0", k.Most)
	}
	return nil
}

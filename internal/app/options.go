package app

// Option changes what a server is.
type Option func(*options)

type options struct {
	directories bool
}

// FromDirectories makes a server whose pipelines may take directories of this machine as their sources. It is for a server
// that its user has alone: whoever may make pipelines on it can read every file.
func FromDirectories(o *options) { o.directories = true }

// Package examples embeds the example that `conveyor demo` pushes, so that the demo runs the very files a reader finds
// here.
package examples

import (
	"embed"
	"io/fs"
)

//go:embed all:static-site
var files embed.FS

// StaticSite is the repository of the static-site example.
func StaticSite() fs.FS {
	site, err := fs.Sub(files, "static-site")
	if err != nil {
		panic(err) // the name is a constant that embed has checked
	}
	return site
}

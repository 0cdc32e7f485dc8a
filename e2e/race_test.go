//go:build race

package e2e

// raceDetector is on when these tests are: then the binary they drive is built with it, too.
const raceDetector = true

//go:build !race

package e2e

// raceDetector is off, and so it is in the binary.
const raceDetector = false

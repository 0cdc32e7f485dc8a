//go:build race

package engine

// raceDetector is on; it makes these tests, which have a single goroutine each, an order of magnitude slower.
const raceDetector = true

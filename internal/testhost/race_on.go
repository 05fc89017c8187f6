//go:build race

package testhost

// slowdown is how many times longer things may take under the race detector.
const slowdown = 3

//go:build !race

package testhost

const slowdown = 1

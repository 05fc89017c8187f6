package rules

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"
)

// unit is a word behind a number.
type unit struct {
	name  string
	scale int64
}

// tcUnits are those of rates in bit/s, as tc has them in any case of letters (tc(8), UNITS; iproute2, lib/utils_math.c).
var tcUnits = [...]unit{
	{"bit", 1},
	{"kbit", 1e3},
	{"mbit", 1e6},
	{"gbit", 1e9},
	{"tbit", 1e12},
	{"kibit", 1 << 10},
	{"mibit", 1 << 20},
	{"gibit", 1 << 30},
	{"tibit", 1 << 40},
	{"bps", 8},
	{"kbps", 8e3},
	{"mbps", 8e6},
	{"gbps", 8e9},
	{"tbps", 8e12},
	{"kibps", 8 << 10},
	{"mibps", 8 << 20},
	{"gibps", 8 << 30},
	{"tibps", 8 << 40},
}

// sizeUnits are those of sizes in bytes, as tc has them: k is 1024 there.
var sizeUnits = [...]unit{
	{"b", 1},
	{"k", 1 << 10},
	{"kb", 1 << 10},
	{"m", 1 << 20},
	{"mb", 1 << 20},
	{"g", 1 << 30},
	{"gb", 1 << 30},
	{"kbit", 1 << 7},
	{"mbit", 1 << 17},
	{"gbit", 1 << 27},
}

// xlUnits are those of xl's vif rates, in bit/s; unlike tc's in this case of letters only (xl-network-configuration(5), rate).
var xlUnits = [...]unit{
	{"b/s", 1},
	{"Kb/s", 1e3},
	{"Mb/s", 1e6},
	{"Gb/s", 1e9},
	{"B/s", 8},
	{"KB/s", 8e3},
	{"MB/s", 8e6},
	{"GB/s", 8e9},
}

// xlInterval is what xl takes where a rate names none.
const xlInterval = 50 * time.Millisecond

// parseBandwidth reads a rate as tc or xl have it.
func parseBandwidth(text string) (Bandwidth, *valueError) {
	if strings.ContainsAny(text, "/@") {
		return parseXLRate(text)
	}
	bits, verr := parseScaled(text, "rate", tcUnits[:], "write it as tc or xl have it: 100mbit, 12.5mbps, 10Mb/s, 250KB/s@20ms")
	if verr != nil {
		if bw, not := parseXLRate(text + "/s"); not == nil && bw.BitsPerSecond > 0 {
			verr.hint = fmt.Sprintf("write %s/s as xl has it, or %dbit as tc has it", text, bw.BitsPerSecond)
		}
	}
	return Bandwidth{BitsPerSecond: bits}, verr
}

// parseSize reads a number of bytes as tc has it.
func parseSize(text string) (uint64, *valueError) {
	return parseScaled(text, "size", sizeUnits[:], "write bytes as tc has them: 32kb, 1mb")
}

// parseScaled reads a number, perhaps with a fraction, and a unit; without unit it is in the first of units.
func parseScaled(text, what string, units []unit, hint string) (uint64, *valueError) {
	digits := numberLen(text)
	number, name := text[:digits], text[digits:]
	whole, fraction, point := strings.Cut(number, ".")
	_, ok := parseNumber(whole)
	if !ok || point && (!allOf(fraction, isDigit) || len(fraction) > 9) {
		return 0, &valueError{code: codeRate, len: len(text), msg: fmt.Sprintf("%s is not a %s", short(text), what), hint: hint}
	}
	if name == "" {
		name = units[0].name
	}
	names := make([]string, len(units))
	for i, u := range units {
		names[i] = u.name
		if strings.EqualFold(u.name, name) {
			return scaled(number, u.scale), nil
		}
	}
	return 0, &valueError{
		code: codeRate, off: digits, len: len(text) - digits, msg: fmt.Sprintf("%s is no unit of a %s", short(name), what), hint: suggestion(name, names, "units are"),
	}
}

func numberLen(text string) int {
	n := 0
	for n < len(text) && (isDigit(text[n]) || text[n] == '.') {
		n++
	}
	return n
}

// scaled multiplies exactly and rounds down; what is too large is the largest.
func scaled(number string, scale int64) uint64 {
	r, ok := new(big.Rat).SetString(number)
	if !ok {
		return 0 // parseScaled has checked it
	}
	r.Mul(r, new(big.Rat).SetInt64(scale))
	n := new(big.Int).Quo(r.Num(), r.Denom())
	if !n.IsUint64() {
		return math.MaxUint64
	}
	return n.Uint64()
}

// parseXLRate reads RATE[@TIME] as xl does: 10Mb/s@50ms. Its scales are capitals, b is bits and B bytes; a TIME without unit is in
// seconds.
func parseXLRate(text string) (Bandwidth, *valueError) {
	rate, interval, timed := strings.Cut(text, "@")
	digits := 0
	for digits < len(rate) && isDigit(rate[digits]) {
		digits++
	}
	const hint = "write it as xl has it: 10Mb/s, 250KB/s@20ms; K, M and G are capitals, b is bits and B bytes"
	if _, ok := parseNumber(rate[:digits]); !ok {
		return Bandwidth{}, &valueError{code: codeRate, len: len(text), msg: fmt.Sprintf("%s is not a rate", short(text)), hint: hint}
	}
	bw := Bandwidth{Interval: xlInterval}
	found := false
	for _, u := range xlUnits {
		if u.name == rate[digits:] {
			bw.BitsPerSecond, found = scaled(rate[:digits], u.scale), true
		}
	}
	if !found {
		return Bandwidth{}, &valueError{code: codeRate, off: digits, len: len(rate) - digits, msg: fmt.Sprintf("%s is no unit of xl's", short(rate[digits:])), hint: hint}
	}
	if !timed {
		return bw, nil
	}
	var ok bool
	if bw.Interval, ok = parseXLInterval(interval); !ok {
		return Bandwidth{}, &valueError{
			code: codeDuration, off: len(rate) + 1, len: len(interval), msg: fmt.Sprintf("%s is not a time from 1us to 10s", short(interval)), hint: "write it as in 50ms, 500us or 1s",
		}
	}
	return bw, nil
}

func parseXLInterval(text string) (time.Duration, bool) {
	number := strings.TrimSuffix(text, "s")
	unit := time.Second
	switch {
	case strings.HasSuffix(number, "m"):
		number, unit = number[:len(number)-1], time.Millisecond
	case strings.HasSuffix(number, "u"):
		number, unit = number[:len(number)-1], time.Microsecond
	}
	const most = 10 * time.Second
	n, ok := parseNumber(number)
	if !ok || n == 0 || n > int64(most/unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}

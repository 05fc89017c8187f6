package rules

import (
	"fmt"
	"net"
	"strings"
	"unicode/utf8"

	"vifd/internal/vif"
)

// The values that patterns, guests and texts share: interface names, MAC and IP addresses.

// onlyRunes reports the first literal character of a glob that no value of its kind can hold.
func onlyRunes(tokens []globToken, allowed, what string) *valueError {
	for i := range tokens {
		if t := &tokens[i]; t.op == globRune && !strings.ContainsRune(allowed, t.r) {
			return &valueError{code: codePattern, off: t.off, len: utf8.RuneLen(t.r), msg: fmt.Sprintf("%q never occurs in %s", t.r, what)}
		}
	}
	return nil
}

// checkNamePattern refuses a glob that no interface name can match.
func checkNamePattern(text string, tokens []globToken) *valueError {
	shortest := 0
	for i := range tokens {
		switch t := &tokens[i]; t.op {
		case globStar:
			continue
		case globRune:
			if strings.ContainsRune("/: \t\n\v\f\r", t.r) {
				return &valueError{code: codePattern, off: t.off, len: 1, msg: fmt.Sprintf("%q never occurs in an interface name", t.r)}
			}
			shortest += utf8.RuneLen(t.r)
		default:
			shortest++
		}
	}
	if shortest > vif.MaxNameLen {
		return &valueError{
			code: codePattern, len: len(text),
			msg: fmt.Sprintf("no interface can match: its name would have %d bytes or more, and the kernel takes at most %d", shortest, vif.MaxNameLen),
		}
	}
	return nil
}

func checkMACPattern(p *Pattern, tokens []globToken) *valueError {
	if verr := onlyRunes(tokens, "0123456789abcdef:", "a MAC address as the kernel writes it"); verr != nil {
		verr.hint = `write six bytes in hexadecimal with colons, or a glob of that: "00:16:3e:*"`
		return verr
	}
	if p.glob == nil {
		if _, verr := parseMAC(p.literal); verr != nil {
			return verr
		}
	}
	return nil
}

// parseMAC reads an Ethernet address in the kernel's spelling: six bytes in hexadecimal, two digits each, with colons.
func parseMAC(text string) (net.HardwareAddr, *valueError) {
	fail := func(hint string) (net.HardwareAddr, *valueError) {
		return nil, &valueError{code: codeMAC, len: len(text), msg: fmt.Sprintf("%s is not a MAC address", short(text)), hint: hint}
	}
	hint := "write six bytes in hexadecimal with colons: 00:16:3e:00:00:07"
	if other, err := net.ParseMAC(text); err == nil && len(other) == 6 && strings.Count(text, ":") != 5 {
		return fail("write it with colons: " + other.String())
	}
	mac := make(net.HardwareAddr, 0, 6)
	for part := range strings.SplitSeq(text, ":") {
		if len(part) != 2 || len(mac) == 6 {
			return fail(hint)
		}
		hi, ok1 := hexDigit(part[0])
		lo, ok2 := hexDigit(part[1])
		if !ok1 || !ok2 {
			return fail(hint)
		}
		mac = append(mac, byte(hi<<4|lo))
	}
	if len(mac) != 6 {
		return fail(hint)
	}
	return mac, nil
}

// parseGuestMAC takes what a guest's interface can have: is_valid_ether_addr of <linux/etherdevice.h>.
func parseGuestMAC(text string) (net.HardwareAddr, *valueError) {
	mac, verr := parseMAC(text)
	if verr != nil {
		return nil, verr
	}
	bad := ""
	switch {
	case mac[0]&1 != 0:
		bad = "is a multicast address (the lowest bit of its first byte is set)"
	case [6]byte(mac) == [6]byte{}:
		bad = "is no address"
	default:
		return mac, nil
	}
	return nil, &valueError{code: codeMAC, len: len(text), msg: fmt.Sprintf("%s %s; a guest's interface needs a unicast address", text, bad)}
}

// checkInterface is vif.CheckName as a valueError.
func checkInterface(name string) *valueError {
	if err := vif.CheckName(name); err != nil {
		return &valueError{code: codeInterface, len: len(name), msg: err.Error()}
	}
	return nil
}

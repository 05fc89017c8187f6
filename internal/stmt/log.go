package stmt

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// logLevels are the levels of the kernel's log, from the gravest (syslog(2)). nft's audit is none of them, and is not taken.
var logLevels = []string{"emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"}

// NF_LOG_* of <linux/netfilter/nf_log.h>.
const (
	logTCPSequence = 1 << iota
	logTCPOptions
	logIPOptions
	logUID
	_
	logEther
)

var logFlags = []struct {
	words string
	flag  uint32
}{
	{"all", logTCPSequence | logTCPOptions | logIPOptions | logUID | logEther},
	{"tcp sequence", logTCPSequence},
	{"tcp options", logTCPOptions},
	{"ip options", logIPOptions},
	{"skuid", logUID},
	{"ether", logEther},
}

// maxLogPrefix is NF_LOG_PREFIXLEN of <linux/netfilter/nf_log.h> less the closing NUL.
const maxLogPrefix = 127

// log reads `log [prefix "…"] [level L] [group N] [snaplen N] [queue-threshold N] [flags F]`.
func (p *parser) log() (Item, *Error) {
	l := Log{Group: -1}
	head := p.tokens[p.next]
	p.next++
	seen := map[string]bool{}
	for {
		t, ok := p.peek()
		if !ok || t.quoted || !logOption(t.text) {
			break
		}
		if seen[t.text] && t.text != "flags" {
			return nil, at(t, fmt.Sprintf("log has %s twice", t.text), "")
		}
		seen[t.text] = true
		p.next++
		if err := p.logOption(&l, t.text); err != nil {
			return nil, err
		}
	}
	switch {
	case l.Group >= 0 && (l.Level != "" || l.Flags != 0):
		return nil, at(head, "a log to a group has neither level nor flags", "")
	case l.Group < 0 && (seen["snaplen"] || seen["queue-threshold"]):
		return nil, at(head, "snaplen and queue-threshold are of a log to a group", "write log group N …")
	}
	return l, nil
}

func logOption(word string) bool {
	switch word {
	case "prefix", "level", "group", "snaplen", "queue-threshold", "flags":
		return true
	}
	return false
}

func (p *parser) logOption(l *Log, option string) *Error {
	t, ok := p.peek()
	if !ok {
		return &Error{Col: p.end, Len: 1, Msg: "log " + option + " needs a value"}
	}
	switch option {
	case "prefix":
		if len(t.text) > maxLogPrefix || t.text == "" {
			return at(t, fmt.Sprintf("a log's prefix has 1 to %d bytes", maxLogPrefix), "")
		}
		l.Prefix = t.text
	case "level":
		if !slices.Contains(logLevels, t.text) {
			return at(t, fmt.Sprintf("unknown log level %q", t.text), suggestion(t.text, logLevels))
		}
		l.Level = t.text
	case "flags":
		return p.logFlags(l)
	default:
		bits := map[string]int{"group": 16, "snaplen": 32, "queue-threshold": 16}[option]
		n, err := strconv.ParseUint(t.text, 10, bits)
		if err != nil || octal(t.text) {
			return at(t, fmt.Sprintf("log %s needs a number of %d bits", option, bits), "")
		}
		switch option {
		case "group":
			l.Group = int(n)
		case "snaplen":
			l.Snaplen = uint32(n)
		default:
			l.Threshold = uint16(n)
		}
	}
	p.next++
	return nil
}

func (p *parser) logFlags(l *Log) *Error {
	first, _ := p.peek()
	for _, f := range logFlags {
		words := strings.Fields(f.words)
		match := len(words) <= len(p.tokens)-p.next
		for i := 0; match && i < len(words); i++ {
			match = p.tokens[p.next+i].is(words[i])
		}
		if !match {
			continue
		}
		p.next += len(words)
		l.Flags |= f.flag
		// `tcp sequence,options` is two of the same header.
		for words[0] == "tcp" {
			t, ok := p.peek()
			if !ok || !t.is(",") || p.next+1 >= len(p.tokens) {
				break
			}
			switch p.tokens[p.next+1].text {
			case "sequence":
				l.Flags |= logTCPSequence
			case "options":
				l.Flags |= logTCPOptions
			default:
				return at(p.tokens[p.next+1], "the log flags of tcp are sequence and options", "")
			}
			p.next += 2
		}
		return nil
	}
	return at(first, fmt.Sprintf("unknown log flag %q", first.text), "expected all, tcp sequence, tcp options, ip options, skuid or ether")
}

// LevelNumber is the level as syslog(2) numbers it.
func (l *Log) LevelNumber() uint32 {
	if i := slices.Index(logLevels, l.Level); i >= 0 {
		return uint32(i)
	}
	return 4 // warn
}

// String is l in nft's syntax.
func (l *Log) String() string {
	s := "log"
	if l.Prefix != "" {
		s += " prefix " + strconv.Quote(l.Prefix)
	}
	if l.Group >= 0 {
		s += fmt.Sprintf(" group %d", l.Group)
		if l.Snaplen > 0 {
			s += fmt.Sprintf(" snaplen %d", l.Snaplen)
		}
		if l.Threshold > 0 {
			s += fmt.Sprintf(" queue-threshold %d", l.Threshold)
		}
		return s
	}
	if l.Level != "" && l.Level != "warn" {
		s += " level " + l.Level
	}
	if l.Flags == logFlags[0].flag {
		return s + " flags all"
	}
	for _, f := range logFlags[1:] {
		if l.Flags&f.flag != 0 {
			s += " flags " + f.words
		}
	}
	return s
}

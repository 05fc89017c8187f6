package link

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"vifd/internal/rtnl"
)

// Step is one change, small enough to be said in one command.
type Step struct {
	dev   string
	key   string // of State.Values; of several offloads the first
	value string
	more  []Step // further offloads, which go in one request
}

// String is the command a person would type for it.
func (s Step) String() string {
	if strings.HasPrefix(s.key, keyOffload) {
		text := "ethtool -K " + s.dev
		for _, one := range s.all() {
			text += " " + strings.TrimPrefix(one.key, keyOffload) + " " + one.value
		}
		return text
	}
	if key, ok := strings.CutPrefix(s.key, keySysctl); ok {
		name, err := SettingName(s.dev, key)
		if err != nil {
			return err.Error()
		}
		return "sysctl -w " + quoted(fmt.Sprintf("%v=%s", name, s.value))
	}
	if s.key == keyAlias {
		return fmt.Sprintf("ip link set dev %s alias %s", s.dev, "'"+strings.ReplaceAll(s.value, "'", `'\''`)+"'")
	}
	return fmt.Sprintf("ip link set dev %s %s %s", s.dev, s.key, s.value)
}

// quoted is for a value of several words.
func quoted(s string) string {
	if strings.ContainsAny(s, " \t") {
		return "'" + s + "'"
	}
	return s
}

func (s Step) all() []Step {
	return append([]Step{{dev: s.dev, key: s.key, value: s.value}}, s.more...)
}

// send carries out one step on the link with that ifindex.
func (s Step) send(host Host, index int) error {
	if key, ok := strings.CutPrefix(s.key, keySysctl); ok {
		return s.sendSetting(host, index, key)
	}
	if strings.HasPrefix(s.key, keyOffload) {
		want := make(map[string]bool)
		for _, one := range s.all() {
			want[strings.TrimPrefix(one.key, keyOffload)] = one.value == onOff(true)
		}
		return host.Offloads.SetFeatures(index, want)
	}
	if s.key == keyAlias {
		return host.Links.SetAlias(index, s.value)
	}
	number, err := strconv.ParseUint(s.value, 10, 32)
	if err != nil {
		return err
	}
	switch s.key {
	case keyMTU:
		return host.Links.Set(index, rtnl.Change{MTU: int(number)})
	case keyTxQLen:
		return host.Links.SetTxQLen(index, uint32(number))
	case keyGroup:
		return host.Links.Set(index, rtnl.Change{Group: new(uint32(number))})
	}
	return fmt.Errorf("%v is no step of a link", s)
}

func (s Step) sendSetting(host Host, index int, key string) error {
	name, err := SettingName(s.dev, key)
	if err != nil {
		return err
	}
	_, err = host.Settings.Set(name, s.value, func() error {
		_, err := findLink(host.Links, index, s.dev)
		return err
	})
	return err
}

// findLink reads the vif, which must still bear its name.
func findLink(links Links, index int, name string) (rtnl.Link, error) {
	link, err := links.LinkByIndex(index)
	if errors.Is(err, rtnl.ErrNotFound) {
		return rtnl.Link{}, fmt.Errorf("%w: %w", ErrGone, err)
	}
	if err != nil {
		return rtnl.Link{}, err
	}
	if link.Name != name {
		return rtnl.Link{}, fmt.Errorf("%w: it is called %s now", ErrRenamed, link.Name)
	}
	return link, nil
}

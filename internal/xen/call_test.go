package xen

import (
	"errors"
	"strings"
	"testing"
)

func TestParseCall(t *testing.T) {
	for name, c := range map[string]struct {
		program string
		args    []string
		environ []string
		want    Call
	}{
		"libxl, a vif": {
			"/etc/xen/scripts/vif-bridge",
			[]string{"online", "type_if=vif"},
			[]string{"XENBUS_PATH=backend/vif/5/1", "XENBUS_TYPE=vif", "XENBUS_BASE_PATH=backend", "netdev=", "vif=vif5.1", "script=/etc/xen/scripts/vif-bridge"},
			Call{Command: Online, As: "vif-bridge", Device: Device{"backend/vif/5/1", 5, 1}, Interface: "vif5.1"},
		},
		"libxl, a tap": {
			"/usr/bin/vifd",
			[]string{"add", "type_if=tap"},
			[]string{"XENBUS_PATH=backend/vif/1/0", "vif=vif1.0", "INTERFACE=vif1.0-emu"},
			Call{Command: Add, Tap: true, Device: Device{"backend/vif/1/0", 1, 0}, Interface: "vif1.0-emu"},
		},
		"udev, a tap": {
			"vifd",
			[]string{"remove", "type_if=tap"},
			[]string{"INTERFACE=vif12.3-emu", "UDEV_CALL=1"},
			Call{Command: Remove, Tap: true, Device: Device{"backend/vif/12/3", 12, 3}, Interface: "vif12.3-emu", ByUdev: true},
		},
		"udev's offline after a rename": {
			"vif-vifd",
			[]string{"offline"},
			[]string{"XENBUS_PATH=backend/vif/5/0", "vif=web0"},
			Call{Command: Offline, As: "vif-vifd", Device: Device{"backend/vif/5/0", 5, 0}, Interface: "web0"},
		},
		"an absolute path, of a driver domain": {
			"vif-nat",
			[]string{"online"},
			[]string{"XENBUS_PATH=/local/domain/3/backend/vif/5/0", "vif=vif5.0"},
			Call{Command: Online, As: "vif-nat", Device: Device{"/local/domain/3/backend/vif/5/0", 5, 0}, Interface: "vif5.0"},
		},
		"no name: the kernel's": {
			"vifd",
			[]string{"offline"},
			[]string{"XENBUS_PATH=backend/vif/5/0"},
			Call{Command: Offline, Device: Device{"backend/vif/5/0", 5, 0}, Interface: "vif5.0"},
		},
		"arguments go before the environment": {
			"vifd",
			[]string{"type_if=vif", "online", "vif=vif7.0"},
			[]string{"XENBUS_PATH=backend/vif/7/0", "vif=vif5.0", "type_if=tap"},
			Call{Command: Online, Device: Device{"backend/vif/7/0", 7, 0}, Interface: "vif7.0"},
		},
		"online is not for taps":               {"vifd", []string{"online", "type_if=tap"}, nil, Call{Command: Online, Tap: true, Nothing: true}},
		"remove is not for vifs":               {"vifd", []string{"remove", "type_if=vif"}, nil, Call{Command: Remove, Nothing: true}},
		"add is of vifs unless said otherwise": {"vifd", []string{"add"}, nil, Call{Command: Add, Nothing: true}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseCall(c.program, c.args, c.environ)
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
}

func TestParseCallRefuses(t *testing.T) {
	const path = "XENBUS_PATH=backend/vif/5/0"
	for name, c := range map[string]struct {
		args, environ []string
		usage         bool
		want          string
	}{
		"nothing":               {nil, nil, true, "no command"},
		"an unknown command":    {[]string{"start"}, nil, true, `unknown command "start"`},
		"two commands":          {[]string{"online", "offline"}, nil, true, `"offline" after the command`},
		"an unknown kind":       {[]string{"online", "type_if=tun"}, nil, true, "neither vif nor tap"},
		"no path":               {[]string{"online"}, []string{"vif=vif5.0"}, false, "XENBUS_PATH is not set"},
		"a path of a disk":      {[]string{"online"}, []string{"XENBUS_PATH=backend/vbd/5/0"}, false, "leads elsewhere"},
		"a path that climbs":    {[]string{"online"}, []string{"XENBUS_PATH=backend/vif/5/../../../6"}, false, "two numbers"},
		"a path with a sign":    {[]string{"online"}, []string{"XENBUS_PATH=backend/vif/+5/0"}, false, "two numbers"},
		"a domain out of range": {[]string{"online"}, []string{"XENBUS_PATH=backend/vif/65536/0"}, false, "up to 32751"},
		"a name with a slash":   {[]string{"online"}, []string{path, "vif=../eth0"}, false, "the kernel refuses"},
		"a long name":           {[]string{"online"}, []string{path, "vif=abcdefghijklmnop"}, false, "at most 15"},
		"another's name":        {[]string{"online"}, []string{path, "vif=vif6.0"}, false, "two devices"},
		"a tap's name":          {[]string{"online"}, []string{path, "vif=vif5.0-emu"}, false, "two devices"},
		"no tap":                {[]string{"add", "type_if=tap"}, []string{path}, false, "INTERFACE is not set"},
		"a tap nobody knows":    {[]string{"add", "type_if=tap"}, []string{"INTERFACE=tap5"}, false, "does not say whose it is"},
		"a vif for a tap":       {[]string{"add", "type_if=tap"}, []string{"INTERFACE=vif5.0"}, false, "not the tap of an emulated card"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseCall("vifd", c.args, c.environ)
			var usage *UsageError
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.As(err, &usage) != c.usage {
				t.Errorf("got %v; want one with %q, of usage: %v", err, c.want, c.usage)
			}
		})
	}
}

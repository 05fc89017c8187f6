package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"vifd/actions/bridge"
	"vifd/actions/rate"
	"vifd/handler"
	"vifd/internal/rtnl"
	"vifd/rules"
)

// checkEnv holds the rules against this host: whether what they name exists, and who can change what they say. An error says that it
// could not be found out.
func checkEnv(set *rules.Set) ([]rules.Problem, error) {
	conn, err := rtnl.Dial()
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // only read from
	e := envCheck{set: set, conn: conn}
	for _, step := range []func() error{e.bridges, e.uplinks, e.features} {
		if err := step(); err != nil {
			return e.found, err
		}
	}
	e.files()
	e.hooks()
	return e.found, nil
}

type envCheck struct {
	set   *rules.Set
	conn  *rtnl.Conn
	found []rules.Problem
}

func (e *envCheck) warn(pos rules.Pos, code, msg, hint string) {
	e.found = append(e.found, rules.Problem{Pos: pos, Severity: rules.Warning, Code: code, Msg: msg, Hint: hint})
}

// bridges looks for the bridges that rules name by themselves, and that nobody makes.
func (e *envCheck) bridges() error {
	seen := map[string]bool{}
	for i := range e.set.Rules {
		r := &e.set.Rules[i]
		name, ok := r.Action.Network().Literal()
		if r.Action.Kind != rules.Bridge || !ok || name == "" || seen[name] {
			continue
		}
		seen[name] = true
		create := e.set.Networks[name].Bridge.Create
		if r.Action.Bridge.Create != nil {
			create = *r.Action.Bridge.Create
		}
		create = create || r.Late("bridge.create")
		link, err := e.conn.LinkByName(name)
		switch {
		case errors.Is(err, rtnl.ErrNotFound):
			if !create {
				e.warn(r.Action.Pos, rules.CodeNoBridge, fmt.Sprintf("there is no bridge %q on this host: the rule's vifs wait for it, shut", name),
					fmt.Sprintf("make it, or declare it: networks: {%s: {bridge: {create: true}}}", name))
			}
		case err != nil:
			return err
		case link.Kind != rtnl.KindBridge:
			e.warn(r.Action.Pos, rules.CodeNoBridge, fmt.Sprintf("%q is an interface of this host, and no bridge", name), "")
		}
	}
	return nil
}

// uplinks looks for the interfaces by which networks, and rules with one of their own, reach others.
func (e *envCheck) uplinks() error {
	type uplink struct {
		name string
		pos  rules.Pos
	}
	var all []uplink
	for _, n := range e.set.Networks {
		for _, name := range []string{n.Bridge.Uplink, n.Route.Uplink, n.NAT.Uplink} {
			all = append(all, uplink{name, n.Pos})
		}
	}
	for i := range e.set.Rules {
		a := &e.set.Rules[i].Action
		for _, text := range []rules.Text{a.Route.Uplink, a.NAT.Uplink} {
			if name, ok := text.Literal(); ok {
				all = append(all, uplink{name, a.Pos})
			}
		}
	}
	for _, u := range all {
		if u.name == "" {
			continue
		}
		_, err := e.conn.LinkByName(u.name)
		switch {
		case errors.Is(err, rtnl.ErrNotFound):
			hint := ""
			if links, lerr := os.ReadDir(filepath.Join(sysfs, "class/net")); lerr == nil {
				names := make([]string, len(links))
				for i, l := range links {
					names[i] = l.Name()
				}
				if near, ok := rules.Nearest(u.name, names); ok {
					hint = fmt.Sprintf("did you mean %q?", near)
				}
			}
			e.warn(u.pos, rules.CodeNoUplink, fmt.Sprintf("there is no interface %q on this host to be the uplink", u.name), hint)
		case err != nil:
			return err
		}
	}
	return nil
}

// features asks the kernel for what it may be built without, where a rule needs it. Each is asked once, and told once.
func (e *envCheck) features() error {
	vlans, probed := false, false
	var kernel rate.Kernel
	var lacking error
	for i := range e.set.Rules {
		r := &e.set.Rules[i]
		if r.Action.Kind == rules.Bridge && r.Action.Bridge.VLAN != nil && !vlans {
			vlans = true
			err := bridge.ProbeVLANs(e.conn)
			if err := e.lacks(err, errors.Is(err, bridge.ErrNoVLANs), r.Action.Pos); err != nil {
				return err
			}
		}
		want := handler.MayLimit(r)
		if want.FromGuest == 0 && want.ToGuest == 0 || lacking != nil {
			continue
		}
		if !probed {
			probed = true
			k, err := rate.Probe(e.conn)
			if err := e.lacks(err, false, r.Pos); err != nil {
				return err
			}
			kernel = k
		}
		lacking = kernel.Supports(want)
		if err := e.lacks(lacking, errors.Is(lacking, rate.ErrUnsupported), r.Pos); err != nil {
			return err
		}
	}
	return nil
}

// lacks reports what the kernel lacks; the error is that it could not be asked.
func (e *envCheck) lacks(err error, lack bool, pos rules.Pos) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("check --env takes CAP_NET_ADMIN where rules have rates or VLANs: run it as root: %w", err)
	case lack:
		e.warn(pos, rules.CodeNoFeature, err.Error(), "load the module, or run another kernel")
		return nil
	}
	return err
}

// files looks at who can write the files of rules, and their folders: whoever can decides about guests' networks.
func (e *envCheck) files() {
	seen := map[string]bool{}
	for _, file := range e.set.Files {
		if _, err := os.Stat(file); err != nil {
			continue // standard input
		}
		for _, name := range []string{filepath.Dir(file), file} {
			if seen[name] {
				continue
			}
			seen[name] = true
			if who := writers(name); who != "" {
				e.warn(rules.Pos{File: file}, rules.CodeWritable, fmt.Sprintf("%s can be written by %s, who decides about guests' networks thereby", name, who), "chmod go-w, chown root")
			}
		}
	}
}

// hooks looks at the programs that vifd would run.
func (e *envCheck) hooks() {
	for _, h := range e.set.HookPrograms() {
		if !h.Literal {
			continue
		}
		info, err := os.Stat(h.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			e.warn(h.Pos, rules.CodeNoProgram, fmt.Sprintf("there is no %s on this host for the hook %s to run", h.Path, h.Key), "")
		case err != nil:
			e.warn(h.Pos, rules.CodeNoProgram, fmt.Sprintf("the hook %s: %v", h.Key, err), "")
		case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
			e.warn(h.Pos, rules.CodeNoProgram, fmt.Sprintf("%s, which the hook %s runs, is no program", h.Path, h.Key), "chmod +x "+h.Path)
		default:
			for _, name := range []string{h.Path, filepath.Dir(h.Path)} {
				if who := writers(name); who != "" {
					e.warn(h.Pos, rules.CodeProgramOpen, fmt.Sprintf("%s can be written by %s, and vifd runs what is there as root", name, who), "chmod go-w, chown root")
					break
				}
			}
		}
	}
}

// writers says who beside root and the caller can write a file or folder; nothing where nobody can, or there is none. In a folder
// with the sticky bit nobody can replace another's file.
func writers(name string) string {
	info, err := os.Stat(name)
	if err != nil {
		return ""
	}
	sticky := info.IsDir() && info.Mode()&fs.ModeSticky != 0
	if st, ok := info.Sys().(*syscall.Stat_t); ok && !slices.Contains([]int{0, os.Getuid()}, int(st.Uid)) {
		return fmt.Sprintf("the user with ID %d", st.Uid)
	}
	switch {
	case sticky:
		return ""
	case info.Mode()&0o002 != 0:
		return "everybody"
	case info.Mode()&0o020 != 0:
		return "its group"
	}
	return ""
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vifd/internal/testhost"
)

const ips1 = "10.0.0.1 fd00::1"

// TestHooksRunOnce takes a vif through all that calls for a hook, and all that does not.
func TestHooksRunOnce(t *testing.T) {
	t.Parallel()
	k := newHooked(t)
	plain := "up: " + k.hook("log", "${interface}", "a  b") + ", down: " + k.hook("log", "${interface}", "c")
	k.use(t, k.rule("web", "vif*", plain))
	p := k.listen(t)
	k.Guest(t, "vif1.0", "00:16:3e:00:00:01")
	k.waitState(t, "configured", "vif1.0")
	up := "up vif1.0 web bridge:xenbr0 " + ips1 + " (vif1.0 a  b)"
	down := "down vif1.0 web bridge:xenbr0 " + ips1 + " (vif1.0 c)"
	k.want(t, "connected", up)

	again := func(what string) {
		t.Helper()
		if errs, code := k.event(t, "add", "vif1.0", k.ifindex(t, "vif1.0")); code != exitDone && !strings.Contains(errs, `"uuid" is not known`) {
			t.Fatalf("%s: add: exit %d, %s", what, code, errs)
		}
		k.want(t, what)
	}
	again("an event")
	k.Run(t, "ip", "link", "set", "dev", "vif1.0", "down")
	k.waitLink(t, "vif1.0", "state UP")
	again("set right")
	k.reload(t)
	again("a reload")
	stop(t, p)
	again("a process of its own")
	p = k.listen(t)
	again("a restart")

	head := k.read(t)
	changed := func(what string, lines ...string) {
		t.Helper()
		k.reload(t)
		k.want(t, what, lines...)
		again(what + ", once more")
	}
	k.write(t, strings.ReplaceAll(head, "10.0.0.1", "10.0.0.91"))
	changed("another address", strings.ReplaceAll(up, "10.0.0.1", "10.0.0.91"))
	k.write(t, head)
	changed("the address again", up)
	k.use(t, k.rule("web", "vif*", "up: "+k.hook("log", "x")+", down: "+k.hook("log", "y")))
	changed("other arguments", "up vif1.0 web bridge:xenbr0 "+ips1+" (x)")
	k.use(t, k.rule("web", "vif*", "up: "+k.hook("log", "x")+", down: "+k.hook("log", "z")))
	changed("another end: it is as when up ran")
	k.use(t, k.rule("other", "vif1.0", plain))
	changed("another rule", "down vif1.0 web bridge:xenbr0 "+ips1+" (y)", strings.Replace(up, "web", "other", 1))
	k.use(t, k.rule("web", "vif1.0", plain))
	changed("and back", strings.Replace(down, "web", "other", 1), up)
	for what, rule := range map[string]string{
		"blocked":            "  - {name: web, match: {interface: vif1.0}, block: true}\n",
		"ignored":            "  - {name: web, match: {interface: vif1.0}, ignore: true}\n",
		"no rule":            k.rule("web", "other*", plain),
		"the rule has none":  k.rule("web", "vif1.0", ""),
		"an unset fact":      k.rule("web", "vif1.0", "up: "+k.hook("log", "${uuid}")),
		"nobody to guard by": strings.Replace(k.rule("web", "vif1.0", plain), "bridge: xenbr0", `bridge: xenbr0, guest: {mac: "${uuid}"}`, 1),
	} {
		k.use(t, rule)
		changed(what, down)
		k.use(t, k.rule("web", "vif1.0", plain))
		changed(what+", and back", up)
	}

	k.Unplug(t, "vif1.0")
	k.waitEmpty(t)
	k.want(t, "gone", down)
	k.wantNoRecords(t)
	if strings.Contains(p.Output(), "hook failed") {
		t.Errorf("the listener says:\n%s", p.Output())
	}
	stop(t, p)
}

// TestHookUnderWay has a program wait: the vif is guarded and connected, the listener answers (the program itself, too), other vifs go on,
// and a change of rules comes into force, though the reload waits for the program.
func TestHookUnderWay(t *testing.T) {
	t.Parallel()
	k := newHooked(t)
	k.script(t, "ask", fmt.Sprintf(`%s=1 GORACE=atexit_sleep_ms=0 '%s' status --state '%s' > "$dir/status.new" 2>&1; mv "$dir/status.new" "$dir/status"; `, asVifd, k.self, k.state)+waitScript)
	k.use(t, k.rule("first", "vif1.0", "up: "+k.hook("ask")+", down: "+k.hook("log")), k.rule("rest", "vif*", "up: "+k.hook("log")))
	p := k.listen(t)
	k.Guest(t, "vif1.0", "00:16:3e:00:00:01")
	k.waitLog(t, "up vif1.0 first bridge:xenbr0 "+ips1+" ()")
	if out, err := os.ReadFile(filepath.Join(k.dir, "status")); err != nil || !strings.Contains(string(out), "vif1.0     working  first") {
		t.Errorf("the program is told: %v\n%s", err, out)
	}
	if got := k.status(t)["vif1.0"].State; got != "working" {
		t.Errorf("meanwhile vif1.0 is %s", got)
	}
	if link := k.Run(t, "ip", "link", "show", "dev", "vif1.0"); !strings.Contains(link, "master xenbr0") || !strings.Contains(link, "state UP") {
		t.Errorf("meanwhile:\n%s", link)
	}
	k.wantElements(t, 1)
	k.Guest(t, "vif2.0", "00:16:3e:00:00:02")
	k.waitState(t, "configured", "vif2.0")

	k.use(t, "  - {name: shut, match: {interface: vif2.0}, block: true}\n", k.rule("second", "vif*", "up: "+k.hook("log")))
	reload := k.vifd("reload").Background(t)
	k.waitState(t, "blocked", "vif2.0")
	k.Guest(t, "vif3.0", "00:16:3e:00:00:03")
	k.waitState(t, "configured", "vif3.0")
	if got := k.status(t)["vif3.0"].Rule; got != "second" {
		t.Errorf("vif3.0 has rule %s", got)
	}
	select {
	case <-reload.Done():
		t.Errorf("the reload did not wait for the program: %s", reload.Output())
	default:
	}
	k.forget(t)
	k.release(t, 1)
	if err := reload.Err(); err != nil {
		t.Errorf("reload: %v, %s", err, reload.Output())
	}
	k.want(t, "when the program had ended, the other rule's", "down vif1.0 first bridge:xenbr0 "+ips1+" ()", "up vif1.0 second bridge:xenbr0 "+ips1+" ()")
	if got := k.status(t)["vif1.0"]; got.State != "configured" || got.Rule != "second" {
		t.Errorf("vif1.0 is %+v", got)
	}
	stop(t, p)
}

// TestHooksAndKills: a listener that is killed while up runs has it run again; one that is killed before the vif goes has down run.
func TestHooksAndKills(t *testing.T) {
	t.Parallel()
	k := newHooked(t)
	k.use(t, k.rule("web", "vif*", "up: "+k.hook("wait", "${interface}")+", down: "+k.hook("log", "${interface}")))
	p := k.listen(t)
	k.Guest(t, "vif1.0", "00:16:3e:00:00:01")
	up := "up vif1.0 web bridge:xenbr0 " + ips1 + " (vif1.0)"
	down := strings.Replace(up, "up", "down", 1)
	k.waitLog(t, up)
	_ = p.Stop(t, syscall.SIGKILL)
	k.forget(t)
	p = k.vifd("listen").Background(t)
	k.waitLog(t, up)
	k.release(t, 2)
	p.WaitOutput(t, "msg=ready")
	k.want(t, "after a kill", up)

	_ = p.Stop(t, syscall.SIGKILL)
	k.Unplug(t, "vif1.0")
	k.use(t, "  []\n") // the rule has gone as well
	p = k.listen(t)
	k.want(t, "after a kill, of a vif that is gone", down)
	k.waitEmpty(t)
	k.wantNoRecords(t)

	// And while up runs, of a vif that goes: nobody knows how far it came.
	k.use(t, k.rule("web", "vif*", "up: "+k.hook("wait", "${interface}")+", down: "+k.hook("log", "${interface}")))
	k.reload(t)
	k.Guest(t, "vif1.0", "00:16:3e:00:00:01")
	k.waitLog(t, up)
	_ = p.Stop(t, syscall.SIGKILL)
	k.release(t, 1)
	k.Unplug(t, "vif1.0")
	k.forget(t)
	p = k.listen(t)
	k.want(t, "after a kill while up ran", down)
	k.wantNoRecords(t)
	stop(t, p)
}

func TestHookFails(t *testing.T) {
	t.Parallel()
	k := newHooked(t)
	k.use(t, k.rule("web", "vif*", "up: "+k.hook("fail")+", down: "+k.hook("fail")))
	p := k.listen(t)
	begin := time.Now()
	k.Guest(t, "vif1.0", "00:16:3e:00:00:01")
	k.waitState(t, "failed", "vif1.0")
	if got, want := k.status(t)["vif1.0"].Error, "up hook /bin/sh: exit status 3: no such zone"; got != want {
		t.Errorf("the error is %q, want %q", got, want)
	}
	wantConnected := func() {
		t.Helper()
		if link := k.Run(t, "ip", "link", "show", "dev", "vif1.0"); !strings.Contains(link, "master xenbr0") || !strings.Contains(link, "state UP") {
			t.Errorf("the guest's link:\n%s", link)
		}
		k.wantElements(t, 1)
	}
	wantConnected()
	up := "up vif1.0 web bridge:xenbr0 " + ips1 + " ()\n"
	testhost.Wait(t, "a third try", func() bool {
		// Events are no reason to try sooner than after one second, and then two.
		k.Do(t, func() error { return os.WriteFile("/sys/class/net/vif1.0/uevent", []byte("change"), 0) })
		return strings.HasPrefix(k.log(t), up+up+up)
	})
	tries := strings.Count(k.log(t), up)
	if took := time.Since(begin); took < time.Second<<(tries-1)-time.Second {
		t.Errorf("%d tries within %v", tries, took)
	}
	wantConnected()
	if err := os.WriteFile(filepath.Join(k.dir, "mended"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	k.waitState(t, "configured", "vif1.0")
	k.forget(t)
	if err := os.Remove(filepath.Join(k.dir, "mended")); err != nil {
		t.Fatal(err)
	}
	k.Unplug(t, "vif1.0")
	k.waitEmpty(t)
	k.want(t, "a down that fails is not tried again", "down vif1.0 web bridge:xenbr0 "+ips1+" ()")
	k.wantNoRecords(t)
	if out := p.Output(); !strings.Contains(out, `event=down program=/bin/sh`) || !strings.Contains(out, `said="trying\nno such zone\n" err="/bin/sh: exit status 3: no such zone"`) {
		t.Errorf("the listener says:\n%s", out)
	}
	stop(t, p)
}

// TestHookGetsExactly: the environment is what the manual says, and what is hostile in facts stays one argument.
func TestHookGetsExactly(t *testing.T) {
	t.Parallel()
	const hostile = `a "b" 'c' $(touch /x) ; rm -rf ` + "`id` *"
	const name = "vif$(id)'\";\xff"
	k := newHooked(t)
	k.write(t, fmt.Sprintf(`networks: {xenbr0: {bridge: {create: true}}}
rules:
  - name: exact
    match: {interface: "*"}
    bridge: xenbr0
    guest: {mac: "00:16:3e:00:00:01", ip: ["${env.IP:-192.0.2.7}", "2001:db8::7"]}
    hooks: {up: %s, down: [/usr/bin/env, "-0"]}
`, k.hook("args", "${interface}", "${env.HOSTILE}", "${env.FACT:-none}", "-n")))
	far := testhost.New(t)
	k.Veths(t, far, name)
	index := k.ifindex(t, name)
	// udev has a process of its own do it.
	handle := func(fact string) (string, int) {
		t.Helper()
		cmd := k.vifd("handle")
		cmd.Env = append(cmd.Env, "ACTION=add", "SUBSYSTEM=net", "INTERFACE="+name, "IFINDEX="+strconv.Itoa(index), "DEVPATH=/devices/virtual/net/x", "HOSTILE="+hostile, "FACT="+fact)
		var errs strings.Builder
		cmd.Stderr = &errs
		if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return errs.String(), cmd.ProcessState.ExitCode()
	}
	for _, fact := range []string{"$(reboot)", "a  b", "--", "%s\\n", "\x1b[31m\xfe"} {
		if errs, code := handle(fact); code != exitDone {
			t.Fatalf("%q: exit %d, %s", fact, code, errs)
		}
		got, err := os.ReadFile(filepath.Join(k.dir, "got"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.Join([]string{"4", name, hostile, fact, "-n", ""}, "\x00"), string(got)); diff != "" {
			t.Errorf("the arguments (-want +got):\n%s", diff)
		}
		if err := os.Remove(filepath.Join(k.dir, "got")); err != nil {
			t.Fatal(err)
		}
		if errs, code := handle(fact); code != exitDone {
			t.Fatalf("%q: exit %d, %s", fact, code, errs)
		}
		if _, err := os.Stat(filepath.Join(k.dir, "got")); err == nil {
			t.Errorf("%q: another process thinks that the arguments are others", fact)
		}
	}
	errs, code := handle("a\nb")
	if code != exitFailed || !strings.Contains(errs, `rule "exact": hooks: up: "a\nb" holds '\n', which no program is given`) {
		t.Errorf("a line end: exit %d, %s", code, errs)
	}
	if out, errs, code := k.run(t, "explain", "--event", "interface=vif1.0", "env.FACT=x", "env.HOSTILE="+hostile); code != exitDone ||
		!strings.Contains(out, "  # then run: /bin/sh "+k.dir+`/args vif1.0 'a "b" '\''c'\'' $(touch /x)`) || !strings.Contains(out, "  # at its end run: /usr/bin/env -0\n") {
		t.Errorf("explain: exit %d\n%s%s", code, out, errs)
	}
	if errs, code := handle("fine"); code != exitDone {
		t.Fatalf("exit %d, %s", code, errs)
	}

	// A listener takes over, and the interface goes.
	p := k.listen(t)
	k.Unplug(t, name)
	k.waitEmpty(t)
	env := []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "VIFD_EVENT=down", "VIFD_INTERFACE=" + strings.ToValidUTF8(name, "\uFFFD"), "VIFD_IFINDEX=" + strconv.Itoa(index), "VIFD_RULE=exact",
		"VIFD_ACTION=bridge", "VIFD_NETWORK=xenbr0", "VIFD_MAC=00:16:3e:00:00:01", "VIFD_IP=192.0.2.7 2001:db8::7", "",
	}
	if want := "said=" + strconv.Quote(strings.Join(env, "\x00")); !strings.Contains(p.Output(), want) {
		t.Errorf("the environment is not\n%s\nin\n%s", want, p.Output())
	}
	stop(t, p)
}

// TestHooksOfXenGuests: a guest is told that it is connected when the program has ended, and hears of a failure; programs know the
// interface by the name that it was given, and the guest by its folder; when Xen takes the vif offline that is the end.
func TestHooksOfXenGuests(t *testing.T) {
	t.Parallel()
	bothWays(t, xenRules, func(t *testing.T, x *xenHost) {
		k := &hooked{x.host, t.TempDir()}
		k.scripts(t)
		k.script(t, "env", `dd status=none if=/proc/self/environ of="$dir/environ"; `+waitScript)
		x.bridges(t, "xenbr0")
		rule := func(up string) string {
			return strings.Replace(k.rule("xen", "*", "up: "+k.hook(up, "${interface}")+", down: "+k.hook("log", "${domain}")), "xenbr0", `"${bridge}"`, 1)
		}
		reload := func(rules string) {
			k.write(t, "rules:\n"+rules)
			_, _, _ = k.run(t, "reload") // where a listener runs
		}
		reload(rule("env"))
		x.plug(t, 3, 0, map[string]string{"ip": "192.0.2.7", "vifname": "web0"})
		code := make(chan int, 1)
		go func() {
			code <- func() int { _, code := x.call(t, "vif-vifd", "online", "vif3.0", 3, 0); return code }()
		}()
		k.waitLog(t, "up web0 xen bridge:xenbr0 192.0.2.7 (web0)")
		x.wantStatus(t, 3, 0, "")
		x.wantLink(t, "web0", "master xenbr0", "UP")
		k.release(t, 1)
		if c := <-code; c != exitDone {
			t.Fatalf("online: exit %d", c)
		}
		x.wantStatus(t, 3, 0, "connected")
		want := []string{
			"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "VIFD_EVENT=up", "VIFD_INTERFACE=web0", "VIFD_IFINDEX=" + strconv.Itoa(x.ifindex(t, "web0")), "VIFD_RULE=xen",
			"VIFD_ACTION=bridge", "VIFD_NETWORK=xenbr0", "VIFD_MAC=00:16:3e:00:03:00", "VIFD_IP=192.0.2.7", "VIFD_DOMAIN=guest3",
			"VIFD_UUID=00000000-0000-4000-8000-000000000003", "XENBUS_PATH=backend/vif/3/0",
		}
		environ, err := os.ReadFile(filepath.Join(k.dir, "environ"))
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Split(strings.TrimSuffix(string(environ), "\x00"), "\x00")
		got = slices.DeleteFunc(got, func(s string) bool { return s == "PWD=/" }) // the shell's own
		slices.Sort(got)                                                          // a shell keeps no order
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the environment (-want +got):\n%s", diff)
		}
		k.forget(t)
		x.mustCall(t, "vif-vifd", "online", "vif3.0", 3, 0)
		k.want(t, "online again")
		x.mustCall(t, "vif-vifd", "offline", "vif3.0", 3, 0)
		k.want(t, "offline", "down web0 xen bridge:xenbr0 192.0.2.7 (guest3)")
		x.mustCall(t, "vif-vifd", "offline", "vif3.0", 3, 0)
		k.want(t, "offline again")

		reload(rule("fail"))
		x.plug(t, 4, 0, map[string]string{"ip": "192.0.2.8"})
		errs, c := x.call(t, "vif-vifd", "online", "vif4.0", 4, 0)
		if c != exitFailed || !strings.Contains(errs, `vif4.0: rule "xen": up hook /bin/sh: exit status 3: no such zone`) {
			t.Errorf("a program that fails: exit %d, %s", c, errs)
		}
		x.wantStatus(t, 4, 0, "error")
		if reason, _ := x.key(t, 4, 0, "hotplug-error"); !strings.Contains(reason, "no such zone") {
			t.Errorf("hotplug-error is %q", reason)
		}
	})
}

// TestHookKeepsNoLock: processes that work alone share the host's settings; one whose program takes its time keeps nobody from them.
func TestHookKeepsNoLock(t *testing.T) {
	t.Parallel()
	k := newHooked(t)
	k.outside(t, []string{"203.0.113.1/24"}, []string{"203.0.113.9/24"})
	k.write(t, strings.ReplaceAll(routeRules, "route: lan, firewall: source-guard}", "route: lan, firewall: source-guard, hooks: {up: "+"[/bin/sh, \""+k.dir+"/${interface}\"]"+"}}"))
	k.script(t, "vif1.0", waitScript)
	k.script(t, "vif2.0", logScript)
	for i := 1; i <= 2; i++ {
		k.Guest(t, fmt.Sprintf("vif%d.0", i), fmt.Sprintf("00:16:3e:00:00:%02x", i))
	}
	code := make(chan int, 1)
	first := k.ifindex(t, "vif1.0")
	go func() { code <- func() int { _, c := k.event(t, "add", "vif1.0", first); return c }() }()
	k.waitLog(t, "up vif1.0 routed route:lan 192.0.2.1 2001:db8::1 ()")
	if errs, c := k.event(t, "add", "vif2.0", k.ifindex(t, "vif2.0")); c != exitDone {
		t.Errorf("vif2.0: exit %d, %s", c, errs)
	}
	k.waitLog(t, "up vif2.0 routed route:lan 192.0.2.2 198.51.100.0/28 2001:db8::2 ()")
	k.release(t, 1)
	if c := <-code; c != exitDone {
		t.Errorf("vif1.0: exit %d", c)
	}
}

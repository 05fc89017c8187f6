package takeover

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// sysctlsApart are settings of a link that another one does not take over: the MTU that IPv6 goes by follows the link's, and the secret
// of an address belongs to it.
func sysctlsApart() []string { return []string{"mtu", "stable_secret"} }

// sysctls reads a link's own settings, of both families, by their place below conf/LINK: "ipv4 rp_filter".
func (k *kernel) sysctls(link string) (map[string]string, error) {
	values := make(map[string]string)
	for _, family := range []string{"ipv4", "ipv6"} {
		dir := filepath.Join(k.proc, "sys/net", family, "conf", link)
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue // no IPv6 in this kernel, or an MTU too small for it
		}
		if err != nil {
			return nil, fmt.Errorf("read sysctls of %s: %w", link, err)
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o200 == 0 || slices.Contains(sysctlsApart(), e.Name()) {
				continue
			}
			value, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				continue // some cannot be read before they have been set
			}
			values[family+" "+e.Name()] = strings.TrimSpace(string(value))
		}
	}
	return values, nil
}

// setSysctls writes those of the values that differ from what is.
func (k *kernel) setSysctls(link string, values map[string]string) error {
	have, err := k.sysctls(link)
	if err != nil {
		return err
	}
	var keys []string
	for key, value := range values {
		if old, known := have[key]; known && old != value {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		family, name, _ := strings.Cut(key, " ")
		err := k.do(fmt.Sprintf("sysctl -w net/%s/conf/%s/%s=%s", family, link, name, values[key]), func() error {
			return os.WriteFile(filepath.Join(k.proc, "sys/net", family, "conf", link, name), []byte(values[key]), 0o644)
		})
		if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, fs.ErrPermission) { // a setting that this link cannot have
			return err
		}
	}
	return nil
}

// differing are the values that others would replace.
func differing(have, others map[string]string) map[string]string {
	old := make(map[string]string)
	for key, value := range have {
		if other, known := others[key]; known && other != value {
			old[key] = value
		}
	}
	return old
}

package importer

import (
	"path"
	"strings"

	"vifd/internal/importer/qubes"
	"vifd/internal/lazy"
)

var (
	confSetting = lazy.Regexp(`(?m)^[ \t]*(vif\.default\.|autoballoon|run_hotplug_scripts|vifscript|defaultbridge)`)
	xlSetting   = lazy.Regexp(`(?m)^[ \t]*(name|vif|kernel|memory|builder|type)[ \t]*=`)
	qubesTable  = lazy.Regexp(`(?m)^[ \t]*table ip6? qubes[ \t]*\{`)
	sxpComment  = lazy.Regexp(`(?m)^[ \t]*#.*$`)
)

// detect tells a file's format by what is in it, and where that says nothing by its name; empty where neither does.
func detect(file, data string) string {
	data = strings.TrimPrefix(data, "\ufeff")
	bare := strings.TrimSpace(sxpComment().ReplaceAllString(data, ""))
	switch name := path.Base(file); {
	case strings.HasPrefix(data, "#!"), strings.IndexByte(data, 0) >= 0:
		return ""
	case qubes.IsList(file):
		return "qubes"
	case strings.HasPrefix(strings.TrimSpace(data), "<"):
		return "libvirt"
	case qubesTable().MatchString(data):
		return "qubes"
	case strings.HasPrefix(bare, "("), name == "xend-config.sxp":
		return "xend"
	case name == "xl.conf", confSetting().MatchString(bare):
		return "xl-conf"
	case xlSetting().MatchString(bare):
		return "xl"
	}
	return ""
}

package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"vifd/internal/ctl"
)

func (c *command) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "say which vifd this is",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return c.printVersion() },
	}
}

// printVersion is `vifd version`, and `vifd --version`, which is what people try first.
func (c *command) printVersion() error {
	if c.output == "json" {
		return c.printJSON(versionInfo{APIVersion: ctl.APIVersion, Kind: "Version", Version: version(), Go: runtime.Version()})
	}
	fmt.Fprintf(c.out, "vifd %s (%s)\n", version(), runtime.Version())
	return nil
}

type versionInfo struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Version    string `json:"version"`
	Go         string `json:"go"`
}

// version is what the build was made of: a release's tag, or the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel-" + s.Value[:12]
		}
	}
	return "devel"
}

// printJSON writes a document as one line.
func (c *command) printJSON(document any) error {
	data, err := json.Marshal(document)
	if err == nil {
		_, err = fmt.Fprintf(c.out, "%s\n", data)
	}
	if err != nil {
		return exit(exitFailed, err)
	}
	return nil
}

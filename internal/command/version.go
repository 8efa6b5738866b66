package command

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// build is what the program was built from.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (p *program) versionCommand() *cobra.Command {
	var output output
	command := &cobra.Command{
		Use:     "version",
		Short:   "Show what the program was built from",
		Example: "  millrace version",
		Args:    between(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			built := readBuild()
			if output.isJSON() {
				return p.printJSON(built)
			}
			revision := built.Revision
			if built.Modified {
				revision += ", with changes"
			}
			p.printFacts([2]string{"millrace", built.Version}, [2]string{"revision", revision},
				[2]string{"go", built.Go}, [2]string{"platform", built.Platform})
			return nil
		},
	}
	output.addTo(command)
	return command
}

func readBuild() build {
	built := build{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return built
	}
	built.Version = info.Main.Version
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			built.Revision = setting.Value
		case "vcs.modified":
			built.Modified = setting.Value == "true"
		}
	}
	return built
}

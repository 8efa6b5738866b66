package ipp

import (
	"slices"
	"strings"
)

// reasonWords says what a printer's state reasons mean to whoever stands before it (RFC 8011, section 5.4.12, and the
// reasons that CUPS adds), in the order of what is said first. What only reports, such as a low level, is not among them.
var reasonWords = []struct{ reason, words string }{
	{"media-empty", "is out of paper"},
	{"media-needed", "needs paper"},
	{"media-jam", "has a paper jam"},
	{"cover-open", "has an open cover"},
	{"door-open", "has an open door"},
	{"interlock-open", "has an open cover"},
	{"input-tray-missing", "has a tray missing"},
	{"output-area-full", "has a full output tray"},
	{"output-tray-missing", "has a tray missing"},
	{"toner-empty", "is out of toner"},
	{"marker-supply-empty", "is out of ink or ribbon"},
	{"marker-waste-full", "has a full waste box"},
	{"fuser-over-temp", "is too hot"},
	{"fuser-under-temp", "is too cold"},
	{"offline", "is offline"},
	{"connecting-to-device", "is not reached by its print server"},
	{"timed-out", "does not answer its print server"},
	{"cups-missing-filter", "has a driver that is not installed"},
	{"cups-insecure-filter", "has a driver with unsafe permissions"},
	{"spool-area-full", "has a full spool"},
	{"shutdown", "is shut down"},
	{"paused", "is stopped"},
	{"moving-to-paused", "is stopped"},
	{"printer-stopped", "is stopped"},
	{"job-hold-until-specified", "holds the job for later"},
}

// explain says in words why a printer does not print, with the reason that it gave; "" where none of the reasons is known
// to keep it from printing. A report of what does not stop the printer is passed by.
func explain(reasons []string) string {
	for _, known := range reasonWords {
		at := slices.IndexFunc(reasons, func(reason string) bool { return severe(reason) == known.reason })
		if at >= 0 {
			return known.words + " (" + reasons[at] + ")"
		}
	}
	return ""
}

// severe is a reason without the word for how grave it is (RFC 8011, section 5.4.12); "" for a mere report.
func severe(reason string) string {
	if reason, isReport := strings.CutSuffix(reason, "-report"); isReport && reason != "offline" {
		return ""
	}
	for _, ending := range []string{"-error", "-warning", "-report"} {
		reason = strings.TrimSuffix(reason, ending)
	}
	return reason
}

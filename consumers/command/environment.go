package command

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/millrace/millrace/consumers"
)

// What the program finds in its environment beside what the options allow.
const (
	variableEvent      = "MILLRACE_EVENT"
	variableEventID    = "MILLRACE_EVENT_ID"
	variableDeliveries = "MILLRACE_DELIVERIES"
	variableMode       = "MILLRACE_MODE"
)

// ownVariables are the names that no option may set.
func ownVariables() []string {
	return []string{variableEvent, variableEventID, variableDeliveries, variableMode}
}

var variableForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// IsVariable tells whether name can be the name of a variable of the environment: letters, digits and underscores, and no
// digit first (POSIX, "Environment Variable Definition").
func IsVariable(name string) bool { return variableForm.MatchString(name) }

// maxVariableBytes is what a variable may hold. Linux refuses to start a program for which a single one has over 128 KiB.
const maxVariableBytes = 64 << 10

// variablesOf tells the program of the delivery, for one that needs no more than that.
func variablesOf(delivery *consumers.Delivery) ([]string, error) {
	for _, text := range []string{delivery.Name, delivery.ID} {
		if len(text) > maxVariableBytes || strings.ContainsRune(text, 0) {
			return nil, consumers.Permanent(errors.New("the event's name or ID holds a zero byte or more than 64 KiB, " +
				"and no variable of a program's environment can"))
		}
	}
	return []string{
		variableEvent + "=" + delivery.Name,
		variableEventID + "=" + delivery.ID,
		variableDeliveries + "=" + strconv.Itoa(delivery.Deliveries),
	}, nil
}

package stream

import (
	"context"
	"encoding/json"
	"fmt"
)

// GroupSpec is a group that must exist.
type GroupSpec struct {
	Name string
	// Registration says what the group is for; it replaces what stood there.
	Registration Registration
	// Start is where the group begins if it does not exist yet.
	Start Start
	// SeenBefore tells that this process has worked with the group already, so that it was lost if it is missing.
	SeenBefore bool
}

// Ensured is what EnsureGroups found or did.
type Ensured struct {
	Name string
	// What is GroupKept, GroupCreated or GroupRecreated.
	What string
	// At is the ID below the first entry that a new group is handed, or `$` for what is added from now on.
	At string
}

// What EnsureGroups did.
const (
	// GroupKept: the group was there.
	GroupKept = "kept"
	// GroupCreated: the group is new.
	GroupCreated = "created"
	// GroupRecreated: the group had been lost (XGROUP DESTROY, DEL, FLUSHALL) and goes on at its checkpoint, or at the
	// beginning where that is lost too.
	GroupRecreated = "recreated"
)

// EnsureGroups creates the groups that do not exist, and the stream with them, and registers all of them. It is one
// step: on a stream without groups, all of specs start at the same place. It may be repeated at any time.
func (c *Client) EnsureGroups(ctx context.Context, specs []GroupSpec) ([]Ensured, error) {
	args := make([]any, 0, 4*len(specs))
	for _, spec := range specs {
		if err := CheckGroup(spec.Name); err != nil {
			return nil, err
		}
		registration, err := json.Marshal(spec.Registration)
		if err != nil {
			return nil, fmt.Errorf("register group %q: %w", spec.Name, err)
		}
		seen := "first"
		if spec.SeenBefore {
			seen = "again"
		}
		args = append(args, spec.Name, registration, spec.Start.String(), seen)
	}
	reply, err := c.run(ctx, c.scripts.ensure, []string{c.keys.Stream(), c.keys.Groups()}, args...).Slice()
	if err != nil {
		return nil, fmt.Errorf("create the groups of stream %q: %w", c.keys.Stream(), explain(err))
	}
	if len(reply) != len(specs) {
		return nil, fmt.Errorf("create the groups of stream %q: %w", c.keys.Stream(), errUnexpectedReply)
	}
	ensured := make([]Ensured, len(specs))
	for i, element := range reply {
		pair := replyList(element)
		if len(pair) != 2 {
			return nil, fmt.Errorf("create the groups of stream %q: %w", c.keys.Stream(), errUnexpectedReply)
		}
		ensured[i] = Ensured{Name: specs[i].Name, What: replyText(pair[0]), At: replyText(pair[1])}
	}
	return ensured, nil
}

// Registered returns what the registered groups say of themselves (HGETALL of the hash `{S}:groups`). A registration that
// somebody has spoilt by hand is left out.
func (c *Client) Registered(ctx context.Context) (map[string]Registration, error) {
	values, err := c.write.HGetAll(ctx, c.keys.Groups()).Result()
	if err != nil {
		return nil, fmt.Errorf("read the registered groups of stream %q: %w", c.keys.Stream(), explain(err))
	}
	registered := map[string]Registration{}
	for group, text := range values {
		var registration Registration
		if CheckGroup(group) == nil && json.Unmarshal([]byte(text), &registration) == nil {
			registration.Seen = serverTime(values[group+":seen"])
			registered[group] = registration
		}
	}
	return registered, nil
}

package ipp

// state is a job's state (RFC 8011, section 5.3.7).
type state int32

// The states in which a job ends.
const (
	canceled  state = 7
	aborted   state = 8
	completed state = 9
)

// firstState is pending, the least of the states.
const firstState state = 3

// stateNames are the states by number, as the standard calls them.
var stateNames = map[state]string{
	3: "pending", 4: "pending-held", 5: "processing", 6: "processing-stopped", 7: "canceled", 8: "aborted", 9: "completed",
}

// job is what a printer says of one of its jobs.
type job struct {
	id      int32
	name    string
	state   state
	reasons []string
}

func (j job) ended() bool { return j.state >= canceled }

// promise orders jobs by what is to be expected of them: nothing where there is none, little of one that failed, and most
// of one that waits.
func (j job) promise() int {
	switch {
	case j.id == 0:
		return 0
	case !j.ended():
		return 3
	case j.state == completed:
		return 2
	}
	return 1
}

// jobsOf reads the jobs of a response. What has no ID or no state that the standard knows is no job.
func jobsOf(response message) []job {
	jobs := []job{}
	for _, group := range response.groups {
		if group.tag != tagJob {
			continue
		}
		id, hasID := group.number("job-id")
		number, hasState := group.number("job-state")
		if !hasID || id <= 0 || !hasState || state(number) < firstState || state(number) > completed {
			continue
		}
		found := job{id: id, state: state(number), reasons: group.texts("job-state-reasons")}
		if names := group.texts("job-name"); len(names) == 1 {
			found.name = names[0]
		}
		jobs = append(jobs, found)
	}
	return jobs
}

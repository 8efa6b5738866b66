package ipp

import (
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// fakePrinter is an IPP printer that answers as a test tells it to, for states that no print server can be brought into.
type fakePrinter struct {
	server *httptest.Server

	mutex sync.Mutex
	// jobs are by ID, from 1.
	jobs []*fakeJob
	// printing is what becomes of a job at each look at it, from the first: its states, the last of which stays.
	printing []state
	// jobReasons and printerReasons are what is said of every job and of the printer.
	jobReasons, printerReasons []string
	// says is what the printer says to people.
	says string
	// statuses answers an operation with an error, so often as it is there.
	statuses map[uint16][]uint16
	// formats are those that the printer takes; nil means all. formatStatus is what it says of another.
	formats      []string
	formatStatus uint16
	// asked lists the operations.
	asked []uint16
	// onAsk is called before an operation is answered; nil means that nothing happens then.
	onAsk func(operation uint16)
}

type fakeJob struct {
	name, format, content string
	states                []state
}

func newFakePrinter(t *testing.T, printing ...state) *fakePrinter {
	fake := &fakePrinter{printing: printing, statuses: map[uint16][]uint16{}}
	fake.server = httptest.NewServer(fake)
	t.Cleanup(fake.server.Close)
	return fake
}

// address is the printer's, called label.
func (f *fakePrinter) address() string {
	return strings.Replace(f.server.URL, "http://", "ipp://", 1) + "/printers/label"
}

func (f *fakePrinter) printer(t *testing.T) *Printer {
	t.Helper()
	printer, err := New(Options{Address: f.address()})
	if err != nil {
		t.Fatalf("New(%q): %v", f.address(), err)
	}
	return printer
}

func (f *fakePrinter) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil || request.Header.Get("Content-Type") != "application/ipp" || request.URL.Path != "/printers/label" {
		http.Error(writer, "no IPP", http.StatusBadRequest)
		return
	}
	asked, err := parse(body)
	if err != nil {
		http.Error(writer, err.Error(), http.StatusBadRequest)
		return
	}
	if f.onAsk != nil {
		f.onAsk(asked.code)
	}
	writer.Header().Set("Content-Type", "application/ipp")
	_, _ = writer.Write(f.answer(asked, body[len(asked.encode()):]).encode())
}

func (f *fakePrinter) answer(asked message, document []byte) message {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.asked = append(f.asked, asked.code)
	operation := asked.groups[0]
	answer := message{major: 1, id: asked.id, groups: []group{{tag: tagOperation, attributes: []attribute{
		text(tagCharset, "attributes-charset", "utf-8"), text(tagLanguage, "attributes-natural-language", "en"),
	}}}}
	if waiting := f.statuses[asked.code]; len(waiting) > 0 {
		answer.code, f.statuses[asked.code] = waiting[0], waiting[1:]
		if answer.code != 0 {
			return answer
		}
	}
	id, _ := operation.number("job-id")
	switch asked.code {
	case printJob:
		format := operation.find("document-format")[0].data
		if f.formats != nil && !slices.Contains(f.formats, format) {
			answer.code = f.formatStatus
			answer.groups = append(answer.groups, group{tag: tagUnsupported, attributes: []attribute{text(tagMimeType, "document-format", format)}})
			return answer
		}
		f.jobs = append(f.jobs, &fakeJob{operation.texts("job-name")[0], format, string(document), f.printing})
		answer.groups = append(answer.groups, f.describe(len(f.jobs), 0))
	case getJobs:
		for id := range f.jobs {
			if wanted := operation.texts("which-jobs")[0] == "completed"; wanted == (f.jobs[id].states[0] >= canceled) {
				answer.groups = append(answer.groups, f.describe(id+1, 0))
			}
		}
	case getJobAttributes, cancelJob:
		if id < 1 || int(id) > len(f.jobs) {
			answer.code = statusNotFound
			return answer
		}
		job := f.jobs[id-1]
		switch {
		case asked.code == getJobAttributes:
			answer.groups = append(answer.groups, f.describe(int(id), 1))
		case job.states[0] >= canceled:
			answer.code = 0x0404
		default:
			job.states = []state{canceled}
		}
	case getPrinterAttributes:
		answer.groups = append(answer.groups, group{tag: tagPrinter, attributes: []attribute{
			text(tagKeyword, "printer-state-reasons", f.printerReasons...), text(tagText, "printer-state-message", f.says),
		}})
	}
	return answer
}

// describe is what is said of a job, whose state then goes on by so many.
func (f *fakePrinter) describe(id, onward int) group {
	job := f.jobs[id-1]
	if len(job.states) > onward {
		job.states = job.states[onward:]
	}
	return group{tag: tagJob, attributes: []attribute{
		integer("job-id", int32(id)),
		{"job-state", []value{{tagEnum, string(binary.BigEndian.AppendUint32(nil, uint32(job.states[0])))}}},
		text(tagKeyword, "job-state-reasons", append([]string{"none"}, f.jobReasons...)...),
		text(tagName, "job-name", job.name),
	}}
}

// states are those of all jobs.
func (f *fakePrinter) states() []state {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	states := []state{}
	for _, job := range f.jobs {
		states = append(states, job.states[0])
	}
	return states
}

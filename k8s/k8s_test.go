// Package k8s_test renders the manifests as `kubectl apply -k` would and checks what the rest of Millrace relies on.
package k8s_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/millrace/millrace/consumers"
	"github.com/millrace/millrace/internal/catalog"
	"github.com/millrace/millrace/stream"
)

const overlay = "overlays/order-fulfilment"

func TestHandlersRunTheirOwnGroupAlone(t *testing.T) {
	t.Parallel()
	manifests := render(t, overlay)
	want := map[string]string{
		"millrace-check-inventory":  "check_inventory",
		"millrace-print-work-order": "print_work_order",
		"millrace-print-label":      "print_label",
	}
	got := map[string]string{}
	for _, deployment := range manifests.all("Deployment") {
		got[deployment.Metadata.Name] = handlerOf(t, manifests, deployment)
	}
	if !maps.Equal(got, want) {
		t.Errorf("the overlay's Deployments and their handlers are %v, want %v", got, want)
	}
}

// handlerOf returns the one handler that deployment runs, and checks that its labels, its selectors and its handlers
// file agree on it.
func handlerOf(t *testing.T, manifests manifests, deployment manifest) string {
	t.Helper()
	name := deployment.Metadata.Name
	pod := deployment.Spec.Template
	handler := pod.Metadata.Labels["app.kubernetes.io/component"]
	if got, want := deployment.env(t, "MILLRACE_HANDLERS").ValueFrom.FieldRef.FieldPath,
		"metadata.labels['app.kubernetes.io/component']"; got != want {
		t.Errorf("%s: MILLRACE_HANDLERS is taken from %q, want %q", name, got, want)
	}

	selector := map[string]string{"app.kubernetes.io/name": "millrace", "app.kubernetes.io/component": handler}
	budget := manifests.one(t, "PodDisruptionBudget", name)
	for where, labels := range map[string]map[string]string{
		"selector":            deployment.Spec.Selector.MatchLabels,
		"PodDisruptionBudget": budget.Spec.Selector.MatchLabels,
		"topology spread":     pod.Spec.TopologySpreadConstraints[0].LabelSelector.MatchLabels,
	} {
		if !maps.Equal(labels, selector) {
			t.Errorf("%s: the %s matches %v, want %v", name, where, labels, selector)
		}
	}

	checkHandlersFile(t, manifests, deployment, handler)
	return handler
}

// checkHandlersFile reads the handlers file of deployment as the program does: it holds handler alone, which begins with
// the oldest entry.
func checkHandlersFile(t *testing.T, manifests manifests, deployment manifest, handler string) {
	t.Helper()
	volume := deployment.Spec.Template.Spec.volume(t, "handlers")
	content := manifests.one(t, "ConfigMap", volume.ConfigMap.Name).Data["handlers.yaml"]
	file, err := catalog.Parse(volume.ConfigMap.Name, []byte(content), catalog.Defaults{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := file.Names(), []string{handler}; !slices.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", volume.ConfigMap.Name, got, want)
	}
	if got, want := file.Handlers[0].From, stream.FromBeginning(); got != want {
		t.Errorf("%s: %s starts from %v, want %v", volume.ConfigMap.Name, handler, got, want)
	}
}

func TestPodsStopInTimeAndRunWithoutRights(t *testing.T) {
	t.Parallel()
	manifests := render(t, overlay)
	for _, deployment := range manifests.all("Deployment") {
		pod := deployment.Spec.Template.Spec
		container := deployment.container(t)
		checkRights(t, deployment)
		for what, holds := range map[string]bool{
			"grace longer than MILLRACE_SHUTDOWN_GRACE": pod.grace() >= consumers.DefaultGrace+5*time.Second,
			"the image's user":                          pod.SecurityContext.RunAsUser == imageUser(t),
			"a rollout that starts before it stops":     deployment.Spec.Strategy.RollingUpdate == rollingUpdate{MaxSurge: 1},
			"liveness apart from readiness": container.LivenessProbe.HTTPGet == probeTarget{"/livez", "http"} &&
				container.ReadinessProbe.HTTPGet == probeTarget{"/readyz", "http"},
			"a memory goal below the limit": deployment.env(t, "GOMEMLIMIT").ValueFrom.ResourceFieldRef.Resource == "requests.memory",
		} {
			if !holds {
				t.Errorf("%s has not: %s", deployment.Metadata.Name, what)
			}
		}
		manifests.one(t, "ServiceAccount", pod.ServiceAccountName)
	}
	checkRights(t, manifests.one(t, "StatefulSet", "redis"))
}

// checkRights tests that a workload's pods may do no more than they must.
func checkRights(t *testing.T, workload manifest) {
	t.Helper()
	pod, container := workload.Spec.Template.Spec, workload.container(t)
	for what, holds := range map[string]bool{
		"a user that is not root": pod.SecurityContext.RunAsNonRoot && pod.SecurityContext.RunAsUser > 0,
		"a seccomp profile":       pod.SecurityContext.SeccompProfile.Type == "RuntimeDefault",
		"no token":                isFalse(pod.AutomountServiceAccountToken),
		"no service links":        isFalse(pod.EnableServiceLinks),
		"a read-only root":        container.SecurityContext.ReadOnlyRootFilesystem,
		"no new privileges":       isFalse(container.SecurityContext.AllowPrivilegeEscalation),
		"no capabilities":         slices.Equal(container.SecurityContext.Capabilities.Drop, []string{"ALL"}),
	} {
		if !holds {
			t.Errorf("%s has not: %s", workload.Metadata.Name, what)
		}
	}
}

// imageUser is the number of the user as which the image runs: Kubernetes cannot tell of a name that it is not root.
func imageUser(t *testing.T) int {
	t.Helper()
	dockerfile, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	_, last, _ := strings.Cut(string(dockerfile), "\nFROM ")
	user := 0
	for line := range strings.Lines(last) {
		if text, isUser := strings.CutPrefix(line, "USER "); isUser {
			if _, err := fmt.Sscanf(text, "%d:", &user); err != nil {
				t.Fatalf("Dockerfile: USER %q is no number: %v", text, err)
			}
		}
	}
	return user
}

func TestRedisKeepsWhatItAccepted(t *testing.T) {
	t.Parallel()
	manifests := render(t, overlay)
	redis := manifests.one(t, "StatefulSet", "redis")
	for _, want := range []string{
		"--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction", "--dir /data",
	} {
		if args := redis.container(t).Args; !slices.Contains(args, want) {
			t.Errorf("redis runs with %q, want %q among them", args, want)
		}
	}
	if len(redis.Spec.VolumeClaimTemplates) != 1 {
		t.Errorf("redis has %d volume claims, want 1", len(redis.Spec.VolumeClaimTemplates))
	}

	service := manifests.one(t, "Service", redis.Spec.ServiceName)
	secret := manifests.one(t, "Secret", "millrace-redis")
	for _, deployment := range manifests.all("Deployment") {
		key := deployment.env(t, "MILLRACE_REDIS_URL").ValueFrom.SecretKeyRef
		if key.Name != secret.Metadata.Name {
			t.Errorf("%s reads the Redis URL from the Secret %q, want %q", deployment.Metadata.Name, key.Name, secret.Metadata.Name)
		}
		if got, want := secret.secrets(t)[key.Key], "redis://"+service.Metadata.Name+":6379"; got != want {
			t.Errorf("the Secret's %s is %q, want %q", key.Key, got, want)
		}
	}
}

func TestOnlyHandlersThatPrintCanWrite(t *testing.T) {
	t.Parallel()
	for _, deployment := range render(t, overlay).all("Deployment") {
		writable := []string{}
		for _, mount := range deployment.container(t).VolumeMounts {
			if !mount.ReadOnly {
				writable = append(writable, mount.MountPath)
			}
		}
		want := []string{}
		if strings.HasPrefix(deployment.Metadata.Name, "millrace-print-") {
			want = []string{"/data/printed"}
		}
		if !slices.Equal(writable, want) {
			t.Errorf("%s can write to %q, want %q", deployment.Metadata.Name, writable, want)
		}
	}
}

// TestNewHandlerIsACopiedFolder does what README.md says about adding a handler: it copies a folder, changes the name
// in it and lists it. No other handler's manifests may change by that, or its pods would be restarted.
func TestNewHandlerIsACopiedFolder(t *testing.T) {
	t.Parallel()
	before := render(t, overlay)

	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(root, "components", "loyalty-points")
	if err := os.CopyFS(copied, os.DirFS("components/check-inventory")); err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(copied, "kustomization.yaml"),
		"check-inventory", "loyalty-points", "check_inventory", "loyalty_points")
	edit(t, filepath.Join(copied, "handlers.yaml"), "check_inventory", "loyalty_points")
	const listed = "  - ../../components/print-label\n"
	edit(t, filepath.Join(root, overlay, "kustomization.yaml"), listed, listed+"  - ../../components/loyalty-points\n")

	after := render(t, filepath.Join(root, overlay))
	if got := handlerOf(t, after, after.one(t, "Deployment", "millrace-loyalty-points")); got != "loyalty_points" {
		t.Errorf("the new Deployment runs %q, want loyalty_points", got)
	}
	for id, document := range before {
		if after[id].text != document.text {
			t.Errorf("adding a handler changed %s:\n%s\nwas:\n%s", id, after[id].text, document.text)
		}
	}
	if got, want := len(after)-len(before), 3; got != want { // Deployment, PodDisruptionBudget, ConfigMap
		t.Errorf("adding a handler added %d manifests, want %d", got, want)
	}
}

// edit replaces in a file each old by the new that follows it, and fails where there is nothing to replace.
func edit(t *testing.T, path string, oldNew ...string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for pair := range slices.Chunk(oldNew, 2) {
		if !strings.Contains(text, pair[0]) {
			t.Fatalf("%s does not contain %q", path, pair[0])
		}
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// render returns what `kubectl kustomize` makes of a folder.
func render(t *testing.T, folder string) manifests {
	t.Helper()
	command := renderer(t)
	var stdout, stderr bytes.Buffer
	run := exec.Command(command[0], append(command[1:], folder)...)
	run.Stdout, run.Stderr = &stdout, &stderr
	if err := run.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", run, err, stderr.String())
	}
	parsed, err := parse(stdout.String())
	if err != nil {
		t.Fatalf("%s: %v", run, err)
	}
	return parsed
}

// renderer is the command that renders a folder: kubectl has kustomize built in.
func renderer(t *testing.T) []string {
	t.Helper()
	if path, err := exec.LookPath("kubectl"); err == nil {
		return []string{path, "kustomize"}
	}
	if path, err := exec.LookPath("kustomize"); err == nil {
		return []string{path, "build"}
	}
	if os.Getenv("MILLRACE_REQUIRE_TOOLS") == "1" {
		t.Fatal("neither kubectl nor kustomize is in the PATH, and MILLRACE_REQUIRE_TOOLS is 1")
	}
	t.Skip("neither kubectl nor kustomize is in the PATH")
	return nil
}

// parse splits what was rendered into its documents, keyed by kind and name.
func parse(text string) (manifests, error) {
	parsed := manifests{}
	for document := range strings.SplitSeq(text, "\n---\n") {
		object := manifest{text: document}
		if err := yaml.NewDecoder(strings.NewReader(document)).Decode(&object); err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("parse a manifest: %w\n%s", err, document)
		}
		id := object.Kind + "/" + object.Metadata.Name
		if _, twice := parsed[id]; twice {
			return nil, fmt.Errorf("%s is there twice", id)
		}
		parsed[id] = object
	}
	return parsed, nil
}

package k8s_test

import (
	"encoding/base64"
	"maps"
	"slices"
	"testing"
	"time"
)

// manifests holds what was rendered, by kind and name: "Deployment/millrace-print-label".
type manifests map[string]manifest

// all returns the manifests of a kind, in the order of their names.
func (m manifests) all(kind string) []manifest {
	found := []manifest{}
	for _, id := range slices.Sorted(maps.Keys(m)) {
		if m[id].Kind == kind {
			found = append(found, m[id])
		}
	}
	return found
}

// one returns the manifest of that kind and name and fails the test where there is none.
func (m manifests) one(t *testing.T, kind, name string) manifest {
	t.Helper()
	found, ok := m[kind+"/"+name]
	if !ok {
		t.Fatalf("there is no %s called %q among %v", kind, name, slices.Sorted(maps.Keys(m)))
	}
	return found
}

// manifest is the part of a Kubernetes object that the tests look at.
type manifest struct {
	text string

	Kind     string            `yaml:"kind"`
	Metadata metadata          `yaml:"metadata"`
	Data     map[string]string `yaml:"data"`
	Spec     struct {
		Selector    selector `yaml:"selector"`
		ServiceName string   `yaml:"serviceName"`
		Strategy    struct {
			RollingUpdate rollingUpdate `yaml:"rollingUpdate"`
		} `yaml:"strategy"`
		Template             podTemplate `yaml:"template"`
		VolumeClaimTemplates []any       `yaml:"volumeClaimTemplates"`
	} `yaml:"spec"`
}

// container returns the only container of a workload's pods.
func (m manifest) container(t *testing.T) container {
	t.Helper()
	containers := m.Spec.Template.Spec.Containers
	if len(containers) != 1 {
		t.Fatalf("%s has %d containers, want 1", m.Metadata.Name, len(containers))
	}
	return containers[0]
}

// env returns a variable of the container's environment and fails the test where it is not set.
func (m manifest) env(t *testing.T, name string) variable {
	t.Helper()
	for _, candidate := range m.container(t).Env {
		if candidate.Name == name {
			return candidate
		}
	}
	t.Fatalf("%s does not set %s", m.Metadata.Name, name)
	return variable{}
}

// secrets returns the decoded data of a Secret.
func (m manifest) secrets(t *testing.T) map[string]string {
	t.Helper()
	decoded := map[string]string{}
	for key, value := range m.Data {
		plain, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			t.Fatalf("Secret %s, key %s: %v", m.Metadata.Name, key, err)
		}
		decoded[key] = string(plain)
	}
	return decoded
}

type metadata struct {
	Name   string            `yaml:"name"`
	Labels map[string]string `yaml:"labels"`
}

type selector struct {
	MatchLabels map[string]string `yaml:"matchLabels"`
}

type rollingUpdate struct {
	MaxSurge       int `yaml:"maxSurge"`
	MaxUnavailable int `yaml:"maxUnavailable"`
}

type podTemplate struct {
	Metadata metadata `yaml:"metadata"`
	Spec     pod      `yaml:"spec"`
}

type pod struct {
	AutomountServiceAccountToken  *bool  `yaml:"automountServiceAccountToken"`
	EnableServiceLinks            *bool  `yaml:"enableServiceLinks"`
	ServiceAccountName            string `yaml:"serviceAccountName"`
	TerminationGracePeriodSeconds int    `yaml:"terminationGracePeriodSeconds"`
	SecurityContext               struct {
		RunAsNonRoot   bool `yaml:"runAsNonRoot"`
		RunAsUser      int  `yaml:"runAsUser"`
		SeccompProfile struct {
			Type string `yaml:"type"`
		} `yaml:"seccompProfile"`
	} `yaml:"securityContext"`
	TopologySpreadConstraints []struct {
		LabelSelector selector `yaml:"labelSelector"`
	} `yaml:"topologySpreadConstraints"`
	Containers []container `yaml:"containers"`
	Volumes    []volume    `yaml:"volumes"`
}

// grace is the time between SIGTERM and SIGKILL.
func (p pod) grace() time.Duration {
	return time.Duration(p.TerminationGracePeriodSeconds) * time.Second
}

// volume returns the volume called name and fails the test where there is none.
func (p pod) volume(t *testing.T, name string) volume {
	t.Helper()
	at := slices.IndexFunc(p.Volumes, func(candidate volume) bool { return candidate.Name == name })
	if at < 0 {
		t.Fatalf("there is no volume %q among %v", name, p.Volumes)
	}
	return p.Volumes[at]
}

type volume struct {
	Name      string `yaml:"name"`
	ConfigMap struct {
		Name string `yaml:"name"`
	} `yaml:"configMap"`
}

type container struct {
	Args            []string   `yaml:"args"`
	Env             []variable `yaml:"env"`
	LivenessProbe   probe      `yaml:"livenessProbe"`
	ReadinessProbe  probe      `yaml:"readinessProbe"`
	SecurityContext struct {
		AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
		ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
		Capabilities             struct {
			Drop []string `yaml:"drop"`
		} `yaml:"capabilities"`
	} `yaml:"securityContext"`
	VolumeMounts []struct {
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
}

type probe struct {
	HTTPGet probeTarget `yaml:"httpGet"`
}

type probeTarget struct {
	Path string `yaml:"path"`
	Port string `yaml:"port"`
}

type variable struct {
	Name      string `yaml:"name"`
	ValueFrom struct {
		FieldRef struct {
			FieldPath string `yaml:"fieldPath"`
		} `yaml:"fieldRef"`
		ResourceFieldRef struct {
			Resource string `yaml:"resource"`
		} `yaml:"resourceFieldRef"`
		SecretKeyRef struct {
			Name string `yaml:"name"`
			Key  string `yaml:"key"`
		} `yaml:"secretKeyRef"`
	} `yaml:"valueFrom"`
}

// isFalse tells whether a field that Kubernetes takes as true where it is absent is set to false.
func isFalse(field *bool) bool { return field != nil && !*field }

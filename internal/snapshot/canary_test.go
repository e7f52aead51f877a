package snapshot_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"bulkhead.dev/bulkhead/internal/kubesched/apiserver"
	"bulkhead.dev/bulkhead/internal/snapshot"
)

// Whatever place a secret is put in, it is not in a snapshot: neither where
// Kubernetes means it to be nor where people put it. Each CANARY below becomes
// another word, so that a failure names its place.
const canaries = `apiVersion: v1
kind: Secret
metadata: {name: CANARY, namespace: shop, uid: s}
data: {a: CANARY}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: CANARY, namespace: shop, uid: cm}
data: {a: CANARY}
---
apiVersion: v1
kind: Node
metadata: {name: n0, uid: n0, labels: {topology.kubernetes.io/zone: a}, annotations: {token: CANARY, node.alpha.kubernetes.io/ttl: CANARY, kubeadm.alpha.kubernetes.io/cri-socket: CANARY}, managedFields: [{manager: CANARY}], finalizers: [CANARY]}
spec: {providerID: CANARY, podCIDR: CANARY}
status: {allocatable: {cpu: "4"}, addresses: [{type: Hostname, address: CANARY}], nodeInfo: {machineID: CANARY, systemUUID: CANARY}, volumesInUse: [CANARY],
  conditions: [{type: Ready, status: "True", reason: CANARY, message: CANARY}, {type: CANARY, status: "True"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: shop, uid: p, annotations: {ANNOTATIONS}}
spec: {SPEC}
status: {phase: Running, message: CANARY, reason: CANARY, podIP: CANARY, hostIP: CANARY, conditions: [{type: Ready, status: "True", message: CANARY, reason: CANARY}],
  containerStatuses: [{name: c, image: CANARY, imageID: CANARY, containerID: CANARY, state: {waiting: {reason: CANARY, message: CANARY}}, lastState: {terminated: {message: CANARY, exitCode: 1}}}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: d, namespace: shop, uid: d, annotations: {ANNOTATIONS}}
spec: {replicas: 1, selector: {matchLabels: {app: d}}, template: {metadata: {labels: {app: d}, annotations: {ANNOTATIONS}}, spec: {SPEC}}}
status: {conditions: [{type: Progressing, status: "True", message: CANARY}]}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: r, namespace: shop, uid: r, annotations: {ANNOTATIONS}}
spec: {replicas: 1, selector: {matchLabels: {app: d}}, template: {metadata: {labels: {app: d}, annotations: {ANNOTATIONS}}, spec: {SPEC}}}
---
apiVersion: v1
kind: ReplicationController
metadata: {name: rc, namespace: shop, uid: rc, annotations: {ANNOTATIONS}}
spec: {replicas: 1, selector: {app: rc}, template: {metadata: {labels: {app: rc}, annotations: {ANNOTATIONS}}, spec: {SPEC}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: ds, namespace: shop, uid: ds, annotations: {ANNOTATIONS}}
spec: {selector: {matchLabels: {app: ds}}, template: {metadata: {labels: {app: ds}, annotations: {ANNOTATIONS}}, spec: {SPEC}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: sts, namespace: shop, uid: sts, annotations: {ANNOTATIONS}}
spec: {replicas: 1, selector: {matchLabels: {app: sts}}, serviceName: sts, template: {metadata: {labels: {app: sts}, annotations: {ANNOTATIONS}}, spec: {SPEC}},
  volumeClaimTemplates: [{metadata: {name: data, annotations: {ANNOTATIONS}}, spec: {accessModes: [ReadWriteOnce], dataSource: {kind: VolumeSnapshot, name: CANARY}}}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: j, namespace: shop, uid: j, annotations: {ANNOTATIONS}}
spec: {template: {metadata: {annotations: {ANNOTATIONS}}, spec: {SPEC}}}
status: {conditions: [{type: Complete, status: "False", message: CANARY}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: cj, namespace: shop, uid: cj, annotations: {ANNOTATIONS}}
spec: {schedule: "* * * * *", jobTemplate: {metadata: {annotations: {ANNOTATIONS}}, spec: {template: {metadata: {annotations: {ANNOTATIONS}}, spec: {SPEC}}}}}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: pv, uid: pv, annotations: {ANNOTATIONS}}
spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], mountOptions: ["password=CANARY"], csi: {driver: ebs.csi.aws.com, volumeHandle: h, fsType: CANARY, volumeAttributes: {token: CANARY},
  nodeStageSecretRef: {name: CANARY, namespace: CANARY}, nodePublishSecretRef: {name: CANARY}, controllerPublishSecretRef: {name: CANARY}, controllerExpandSecretRef: {name: CANARY}}}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: pv2, uid: pv2}
spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], flexVolume: {driver: x, options: {password: CANARY}, secretRef: {name: CANARY}}}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: pv3, uid: pv3}
spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], azureFile: {secretName: CANARY, shareName: CANARY}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: pvc, namespace: shop, uid: pvc, annotations: {ANNOTATIONS}}
spec: {accessModes: [ReadWriteOnce], dataSourceRef: {kind: X, name: CANARY}}
status: {conditions: [{type: Resizing, status: "True", message: CANARY}]}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: sc, uid: sc, annotations: {ANNOTATIONS}}
provisioner: ebs.csi.aws.com
parameters: {csi.storage.k8s.io/provisioner-secret-name: CANARY, adminSecret: CANARY, kmsKeyId: CANARY}
mountOptions: [CANARY]
---
apiVersion: storage.k8s.io/v1
kind: CSINode
metadata: {name: n0, uid: cn, annotations: {ANNOTATIONS}}
spec: {drivers: [{name: ebs.csi.aws.com, nodeID: CANARY, topologyKeys: []}]}
---
apiVersion: v1
kind: Service
metadata: {name: svc, namespace: shop, uid: svc, annotations: {ANNOTATIONS, service.beta.kubernetes.io/aws-load-balancer-ssl-cert: CANARY}}
spec: {type: LoadBalancer, ports: [{port: 80}], externalName: CANARY, clusterIP: 10.0.0.1, loadBalancerSourceRanges: [CANARY]}
status: {loadBalancer: {ingress: [{hostname: CANARY}]}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: hpa, namespace: shop, uid: hpa, annotations: {ANNOTATIONS}}
spec: {maxReplicas: 2, scaleTargetRef: {kind: Deployment, name: d}, metrics: [{type: External, external: {metric: {name: CANARY, selector: {matchLabels: {a: CANARY}}}, target: {type: Value, value: "1"}}}]}
status: {conditions: [{type: X, status: "True", message: CANARY}], desiredReplicas: 1}
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: pc, uid: pc, annotations: {ANNOTATIONS}}
value: 1
description: CANARY
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: pdb, namespace: shop, uid: pdb, annotations: {ANNOTATIONS}}
spec: {minAvailable: 1, selector: {matchLabels: {app: d}}}
status: {conditions: [{type: X, status: "True", message: CANARY, reason: CANARY}], disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, uid: ns, annotations: {ANNOTATIONS, openshift.io/requester: CANARY}}
status: {phase: Active, conditions: [{type: X, status: "True", message: CANARY}]}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: rq, namespace: shop, uid: rq, annotations: {ANNOTATIONS}}
spec: {hard: {pods: "10"}}
`

const canaryAnnotations = `vault.example.com/secret: CANARY, kubectl.kubernetes.io/last-applied-configuration: CANARY, checksum/config: CANARY, kubectl.kubernetes.io/restartedAt: CANARY, batch.kubernetes.io/x: CANARY`

const canarySpec = `nodeName: n0, schedulerName: default-scheduler, restartPolicy: Always, serviceAccountName: CANARY, serviceAccount: CANARY, imagePullSecrets: [{name: CANARY}], hostname: CANARY, subdomain: CANARY,
  hostAliases: [{ip: 10.0.0.1, hostnames: [CANARY]}], dnsConfig: {searches: [CANARY]}, securityContext: {seccompProfile: {type: Localhost, localhostProfile: CANARY}},
  containers: [{name: c, image: "registry.example.com/app:1", command: [run, "--password=CANARY"], args: ["--token=CANARY"], workingDir: CANARY,
    env: [{name: A, value: CANARY}, {name: CANARY, valueFrom: {secretKeyRef: {name: CANARY, key: CANARY}}}], envFrom: [{secretRef: {name: CANARY}}, {configMapRef: {name: CANARY}}],
    livenessProbe: {httpGet: {port: 80, path: CANARY, httpHeaders: [{name: Authorization, value: CANARY}]}}, readinessProbe: {exec: {command: [CANARY]}}, startupProbe: {exec: {command: [CANARY]}},
    lifecycle: {preStop: {exec: {command: [CANARY]}}}, volumeMounts: [{name: secret, mountPath: CANARY, subPath: CANARY}], terminationMessagePath: CANARY}],
  initContainers: [{name: i, image: i, args: [CANARY], env: [{name: A, value: CANARY}]}], ephemeralContainers: [{name: e, image: CANARY, command: [CANARY]}],
  volumes: [{name: secret, secret: {secretName: CANARY, items: [{key: CANARY, path: CANARY}]}}, {name: config, configMap: {name: CANARY}}, {name: token, projected: {sources: [{secret: {name: CANARY}}]}},
    {name: inline, csi: {driver: secrets-store.csi.k8s.io, volumeAttributes: {secretProviderClass: CANARY}, nodePublishSecretRef: {name: CANARY}}}, {name: flex, flexVolume: {driver: x, options: {password: CANARY}}},
    {name: rbd, rbd: {monitors: [CANARY], image: CANARY, secretRef: {name: CANARY}}}, {name: down, downwardAPI: {items: [{path: CANARY}]}}, {name: git, gitRepo: {repository: "https://user:CANARY@example.com"}}, {name: scratch, emptyDir: {}}]`

func TestNoCanarySurvives(t *testing.T) {
	n := 0
	text := strings.NewReplacer("ANNOTATIONS", canaryAnnotations, "SPEC", canarySpec).Replace(canaries)
	text = regexp.MustCompile("CANARY").ReplaceAllStringFunc(text, func(string) string { n++; return fmt.Sprintf("canary%04dbird", n) })
	a, config := newAPI(t, text)
	c := mustCollect(t, collectOptions(config))
	for _, asked := range a.Asked() {
		if strings.Contains(asked, "/secrets") || strings.Contains(asked, "/configmaps") {
			t.Errorf("asked for %s", asked)
		}
	}
	live := written(t, c)
	if c.Counts["Pod"] != 1 || c.Counts["StatefulSet"] != 1 || c.Counts["ResourceQuota"] != 1 || n < 300 {
		t.Fatalf("counts %v, %d canaries", c.Counts, n)
	}
	// A file that somebody else has made: loading takes them out too.
	docs := []string{strings.TrimSuffix(head, "---\n")}
	for doc := range strings.SplitSeq(text, "\n---\n") {
		docs = append(docs, asJSON(t, doc)+"\n")
	}
	path := filepath.Join(t.TempDir(), "s.yaml")
	if err := os.WriteFile(path, []byte(strings.Join(docs, "---\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := snapshot.Load(context.Background(), path, apiserver.New(apiserver.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{"collected": live, "loaded": written(t, loaded)} {
		for _, bird := range regexp.MustCompile("canary[0-9]{4}bird").FindAllString(got, -1) {
			at := strings.Index(text, bird)
			t.Errorf("%s: …%s", name, text[max(0, at-80):at+len(bird)])
		}
	}
}

package simulate_test

import (
	"strings"
)

// macros make the object of one line. Workloads take the settings of podSpec;
// names of labels are short: every pod is labelled app=NAME.
var macros = map[string]func(*line) object{
	"deployment": func(l *line) object {
		return l.object("apps/v1", "Deployment", object{
			"replicas": number(l.get("replicas", "1")), "selector": l.selector(), "template": l.template(),
		})
	},
	"statefulset": func(l *line) object {
		spec := object{
			"replicas": number(l.get("replicas", "1")), "selector": l.selector(), "serviceName": l.name, "template": l.template(),
		}
		if l.has("parallel") {
			spec["podManagementPolicy"] = "Parallel"
		}
		if class := l.get("volume", ""); class != "" {
			spec["volumeClaimTemplates"] = list{object{"metadata": object{"name": "data"}, "spec": claimSpec(class, l.get("access", "ReadWriteOnce"))}}
		}
		return l.object("apps/v1", "StatefulSet", spec)
	},
	"daemonset": func(l *line) object {
		return l.object("apps/v1", "DaemonSet", object{"selector": l.selector(), "template": l.template()})
	},
	"job": func(l *line) object { return l.object("batch/v1", "Job", l.job()) },
	"cronjob": func(l *line) object {
		return l.object("batch/v1", "CronJob", object{"schedule": "@hourly", "jobTemplate": object{"spec": l.job()}})
	},
	"pod": func(l *line) object {
		o := l.object("v1", "Pod", l.podSpec())
		o["metadata"].(object)["labels"] = object{"app": l.name}
		return o
	},
	// service web type=LoadBalancer external=Local internal=Local near=PreferSameZone
	"service": func(l *line) object {
		spec := object{"selector": object{"app": l.get("app", l.name)}, "ports": list{object{"port": 80}}, "type": l.get("type", "ClusterIP")}
		for key, field := range map[string]string{"external": "externalTrafficPolicy", "internal": "internalTrafficPolicy", "near": "trafficDistribution"} {
			if v := l.get(key, ""); v != "" {
				spec[field] = v
			}
		}
		return l.object("v1", "Service", spec)
	},
	// pdb web min=2, or max-unavailable=1
	"pdb": func(l *line) object {
		spec := object{"selector": object{"matchLabels": object{"app": l.get("app", l.name)}}}
		if v := l.get("min", ""); v != "" {
			spec["minAvailable"] = number(v)
		}
		if v := l.get("max-unavailable", ""); v != "" {
			spec["maxUnavailable"] = number(v)
		}
		return l.object("policy/v1", "PodDisruptionBudget", spec)
	},
	// hpa web min=2 max=6
	"hpa": func(l *line) object {
		return l.object("autoscaling/v2", "HorizontalPodAutoscaler", object{
			"scaleTargetRef": object{"apiVersion": "apps/v1", "kind": l.get("kind", "Deployment"), "name": l.name},
			"minReplicas":    number(l.get("min", "1")), "maxReplicas": number(l.get("max", "1")),
		})
	},
	// quota team pods=3 requests.cpu=4
	"quota": func(l *line) object {
		hard := object{}
		for key := range l.set {
			hard[key] = l.get(key, "")
		}
		return l.object("v1", "ResourceQuota", object{"hard": hard})
	},
	"priorityclass": func(l *line) object {
		o := l.object("scheduling.k8s.io/v1", "PriorityClass", nil)
		o["value"] = number(l.get("value", "0"))
		return o
	},
	// storageclass fast provisioner=ebs.csi.aws.com Immediate zones=a,b
	"storageclass": func(l *line) object {
		o := l.object("storage.k8s.io/v1", "StorageClass", nil)
		o["provisioner"] = l.get("provisioner", "ebs.csi.aws.com")
		o["volumeBindingMode"] = "WaitForFirstConsumer"
		if l.has("Immediate") {
			o["volumeBindingMode"] = "Immediate"
		}
		o["parameters"] = pairs(l.get("parameters", ""))
		if z := l.get("zones", ""); z != "" {
			o["allowedTopologies"] = list{object{"matchLabelExpressions": list{object{"key": "topology.kubernetes.io/zone", "values": strings.Split(z, ",")}}}}
		}
		return o
	},
	// claim data class=fast access=ReadWriteMany
	"claim": func(l *line) object {
		return l.object("v1", "PersistentVolumeClaim", claimSpec(l.get("class", ""), l.get("access", "ReadWriteOnce")))
	},
	// localvolume disk-a node=a-1 class=local
	"localvolume": func(l *line) object {
		return l.object("v1", "PersistentVolume", object{
			"capacity": object{"storage": "1Gi"}, "accessModes": list{"ReadWriteOnce"}, "storageClassName": l.get("class", ""),
			"persistentVolumeReclaimPolicy": "Retain",
			"local":                         object{"path": "/disk"},
			"nodeAffinity": object{"required": object{"nodeSelectorTerms": list{object{"matchExpressions": list{
				object{"key": "kubernetes.io/hostname", "operator": "In", "values": list{l.get("node", "")}},
			}}}}},
		})
	},
}

func claimSpec(class, access string) object {
	return object{
		"accessModes": list{access}, "storageClassName": class,
		"resources": object{"requests": object{"storage": "1Gi"}},
	}
}

func (l *line) object(apiVersion, kind string, spec object) object {
	annotations := object{}
	for key, name := range map[string]string{"at-least": "bulkhead.dev/min-available", "recovery": "bulkhead.dev/recovery-time"} {
		if v := l.get(key, ""); v != "" && kind != "ResourceQuota" {
			annotations[name] = v
		}
	}
	o := object{"apiVersion": apiVersion, "kind": kind, "metadata": object{"name": l.name, "annotations": annotations}}
	if spec != nil {
		o["spec"] = spec
	}
	return o
}

func (l *line) selector() object { return object{"matchLabels": object{"app": l.name}} }

func (l *line) template() object {
	return object{"metadata": object{"labels": object{"app": l.name}}, "spec": l.podSpec()}
}

func (l *line) job() object {
	spec := object{"parallelism": number(l.get("parallelism", "1")), "completions": number(l.get("parallelism", "1"))}
	if v := l.get("replace", ""); v != "" {
		spec["podReplacementPolicy"] = v
	}
	template := l.template()
	template["spec"].(object)["restartPolicy"] = "Never"
	spec["template"] = template
	return spec
}

var topologyKeys = map[string]string{
	"zone": "topology.kubernetes.io/zone", "oldzone": "failure-domain.beta.kubernetes.io/zone", "node": "kubernetes.io/hostname",
}

// podSpec reads the settings of a pod:
//
//	cpu=1 memory=1Gi            requests; none by default
//	priority=CLASS scheduler=NAME gate=NAME grace=30
//	spread=zone:hard:honor:skew=1:min=3:match|…
//	                            a spread constraint; soft without "hard", match
//	                            is matchLabelKeys: [pod-template-hash]
//	apart=zone  prefer-apart=zone  near=APP@zone   pod (anti-)affinity
//	on=LABEL:VALUE              nodeSelector        at=NODE   nodeName
//	tolerate=KEY:Effect:30|…    for 30 s; without seconds for ever
//	emptydir hostpath claim=NAME
func (l *line) podSpec() object {
	container := object{"name": "c", "image": "i", "resources": object{"requests": pairs(strings.Trim("cpu:"+l.get("cpu", "0")+",memory:"+l.get("memory", "0"), ","))}}
	spec := object{"containers": list{container}}
	for key, field := range map[string]string{"priority": "priorityClassName", "scheduler": "schedulerName", "at": "nodeName"} {
		if v := l.get(key, ""); v != "" {
			spec[field] = v
		}
	}
	if v := l.get("grace", ""); v != "" {
		spec["terminationGracePeriodSeconds"] = number(v)
	}
	if v := l.get("gate", ""); v != "" {
		spec["schedulingGates"] = list{object{"name": v}}
	}
	if v := l.get("on", ""); v != "" {
		spec["nodeSelector"] = pairs(v)
	}
	var spreads, tolerations, volumes list
	for _, s := range l.each("spread") {
		spreads = append(spreads, l.spread(s))
	}
	for _, t := range l.each("tolerate") {
		words := strings.Split(t, ":")
		toleration := object{"key": words[0], "operator": "Exists", "effect": words[1]}
		if len(words) > 2 {
			toleration["tolerationSeconds"] = number(words[2])
		}
		tolerations = append(tolerations, toleration)
	}
	if l.has("emptydir") {
		volumes = append(volumes, object{"name": "scratch", "emptyDir": object{}})
	}
	if l.has("hostpath") {
		volumes = append(volumes, object{"name": "host", "hostPath": object{"path": "/data"}})
	}
	if v := l.get("claim", ""); v != "" {
		volumes = append(volumes, object{"name": "data", "persistentVolumeClaim": object{"claimName": v}})
	}
	spec["topologySpreadConstraints"], spec["tolerations"], spec["volumes"] = spreads, tolerations, volumes
	spec["affinity"] = l.affinity()
	return spec
}

func (l *line) spread(text string) object {
	words := strings.Split(text, ":")
	c := object{
		"topologyKey": topologyKeys[words[0]], "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway",
		"labelSelector": object{"matchLabels": object{"app": l.name}},
	}
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "hard":
			c["whenUnsatisfiable"] = "DoNotSchedule"
		case "honor":
			c["nodeTaintsPolicy"] = "Honor"
		case "skew":
			c["maxSkew"] = number(value)
		case "min":
			c["minDomains"] = number(value)
		case "match":
			c["matchLabelKeys"] = list{"pod-template-hash"}
		}
	}
	return c
}

func (l *line) affinity() object {
	term := func(app, key string) object {
		return object{"topologyKey": topologyKeys[key], "labelSelector": object{"matchLabels": object{"app": app}}}
	}
	const required = "requiredDuringSchedulingIgnoredDuringExecution"
	out := object{}
	if v := l.get("apart", ""); v != "" {
		out["podAntiAffinity"] = object{required: list{term(l.name, v)}}
	}
	if v := l.get("prefer-apart", ""); v != "" {
		out["podAntiAffinity"] = object{"preferredDuringSchedulingIgnoredDuringExecution": list{object{"weight": 100, "podAffinityTerm": term(l.name, v)}}}
	}
	if app, key, ok := strings.Cut(l.get("near", ""), "@"); ok {
		out["podAffinity"] = object{required: list{term(app, key)}}
	}
	return out
}

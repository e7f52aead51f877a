package model

// The defaults of kube-controller-manager's --kube-api-qps, requests a second of each
// controller, and of --kube-api-burst as a multiple of it
// (k8s.io/kubernetes v1.36.3, pkg/controller/apis/config/v1alpha1/defaults.go: 20 and
// 30).
const (
	KubeAPIQPS  = 20
	BurstPerQPS = 1.5
)

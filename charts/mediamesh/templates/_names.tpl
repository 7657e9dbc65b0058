{{/* Names, labels and images, in one place. */}}
{{- define "mediamesh.name" -}}
{{- if contains "mediamesh" .Release.Name -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{- else -}}{{ printf "%s-mediamesh" .Release.Name | trunc 40 | trimSuffix "-" }}{{- end -}}
{{- end -}}

{{- define "mediamesh.selector" -}}
app.kubernetes.io/name: mediamesh
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "mediamesh.labels" -}}
{{ include "mediamesh.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "mediamesh.image" -}}
{{ with .root.Values.images.registry }}{{ . | trimSuffix "/" }}/{{ end }}mediamesh-{{ .image }}:{{ .root.Values.images.tag | default .root.Chart.AppVersion }}
{{- end -}}

{{- define "mediamesh.pullSecrets" -}}
{{- with .Values.images.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "mediamesh.operatorHost" -}}
{{ include "mediamesh.name" . }}-operator.{{ .Release.Namespace }}.svc
{{- end -}}

{{- define "mediamesh.caBundle" -}}
{{ include "mediamesh.name" . }}-ca-bundle
{{- end -}}

{{/* Whether the API server has MutatingAdmissionPolicy, and it is wanted. */}}
{{- define "mediamesh.injection" -}}
{{- $served := .Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" -}}
{{- $wanted := toString .Values.admission.injection -}}
{{- if and (eq $wanted "true") (not $served) -}}
{{- fail "admission.injection is true, but this API server has no MutatingAdmissionPolicy (admissionregistration.k8s.io/v1, Kubernetes 1.36): set it to auto and write volume and mount into your pods" -}}
{{- end -}}
{{- if and $served (ne $wanted "false") -}}true{{- end -}}
{{- end -}}

{{/* Volume, mount and environment of a pod that takes part, as the documentation tells users to write them. */}}
{{- define "mediamesh.folder" -}}
name: mediamesh
{{- if eq .Values.node.sockets.mode "csi" }}
csi: {driver: mediamesh.csi, readOnly: true}
{{- else }}
hostPath: {path: {{ .Values.node.root }}/pods, type: DirectoryOrCreate}
{{- end }}
{{- end -}}

{{- define "mediamesh.folderMount" -}}
{{- $csi := eq .Values.node.sockets.mode "csi" -}}
{{- if not $csi -}}
env:
  - {name: POD_UID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
{{ end -}}
volumeMounts:
  - {name: mediamesh, mountPath: /run/mediamesh, readOnly: true{{ if not $csi }}, subPathExpr: $(POD_UID){{ end }}}
{{- end -}}

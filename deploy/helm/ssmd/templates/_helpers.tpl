{{- define "ssmd.labels" -}}
app.kubernetes.io/name: ssmd
app.kubernetes.io/component: operator
{{- end }}

{{- define "ssmd.chart" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "ssmd.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag -}}
{{- if hasPrefix "sha256:" $tag -}}
{{ .Values.image.repository }}@{{ $tag }}
{{- else -}}
{{ .Values.image.repository }}:{{ $tag }}
{{- end -}}
{{- end }}

{{- /* Roles of the whole cluster carry the namespace: two releases do not take them from each other. */ -}}
{{- define "ssmd.clusterName" -}}
{{ .name }}{{ if ne .namespace "ssmd" }}-{{ .namespace }}{{ end }}
{{- end }}

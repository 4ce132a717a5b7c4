"""The SageMaker side: /opt/ml, environment variables, exit codes. Knows no tensor."""

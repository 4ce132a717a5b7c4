"""Starts and watches SageMaker jobs with this project's image, and moves files to and from S3."""

#!/usr/bin/env python3
"""A job worker: does the actions of the custom type Build/Words/1, which counts the words of its input artifact.

It polls, takes a job, reads the input with the job's own credentials, writes the output with them, and hands the
result in. Several may run at once; one that dies is replaced by another.
"""
import io
import os
import sys
import time
import zipfile

import boto3

TYPE = {"category": "Build", "owner": "Custom", "provider": "Words", "version": "1"}
pipelines = boto3.client("codepipeline")


def store(job):
    """S3 as this job may use it: its artifacts, and nothing else."""
    keys = job["data"]["artifactCredentials"]
    return boto3.client("s3", aws_access_key_id=keys["accessKeyId"], aws_secret_access_key=keys["secretAccessKey"],
                        aws_session_token=keys["sessionToken"], config=boto3.session.Config(s3={"addressing_style": "path"}))


def work(job):
    s3, data = store(job), job["data"]
    source, target = (data[side][0]["location"]["s3Location"] for side in ("inputArtifacts", "outputArtifacts"))
    body = s3.get_object(Bucket=source["bucketName"], Key=source["objectKey"])["Body"].read()
    with zipfile.ZipFile(io.BytesIO(body)) as files:
        words = sum(len(files.read(name).split()) for name in files.namelist())
    page = io.BytesIO()
    with zipfile.ZipFile(page, "w") as files:
        files.writestr("index.html", f"{words} words\n")
    s3.put_object(Bucket=target["bucketName"], Key=target["objectKey"], Body=page.getvalue())
    return words


def main():
    while True:
        for job in pipelines.poll_for_jobs(actionTypeId=TYPE, maxBatchSize=1)["jobs"]:
            if os.environ.get("WORKER_DIES") == "early":
                sys.exit("died before it took job " + job["id"])
            if pipelines.acknowledge_job(jobId=job["id"], nonce=job["nonce"])["status"] != "InProgress":
                continue
            if os.environ.get("WORKER_DIES"):  # to see another one take over
                sys.exit("died with job " + job["id"])
            try:
                words = work(job)
            except Exception as error:  # whatever it is, the pipeline has to hear of it
                pipelines.put_job_failure_result(jobId=job["id"], failureDetails={"type": "JobFailed", "message": str(error) or repr(error)})
                continue
            pipelines.put_job_success_result(jobId=job["id"], outputVariables={"Words": str(words)},
                                             executionDetails={"summary": f"{words} words", "percentComplete": 100})
        time.sleep(float(os.environ.get("WORKER_PAUSE", "5")))


if __name__ == "__main__":
    main()

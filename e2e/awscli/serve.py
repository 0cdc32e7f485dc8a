"""Runs the aws CLI's calls of many scripts in copies of one process that has it loaded: loading takes longer than a call.

Usage: serve.py SOCKET. Each connection brings its standard files and one JSON document {"args", "env", "dir"}, and gets the
exit status as one byte."""

import gc
import json
import os
import signal
import socket
import sys
import traceback

import awscli.clidriver
import botocore.loaders

# What is loaded ahead of the calls: what most of them use.
SERVICES = "cloudwatch codebuild codecommit codepipeline events iam lambda logs s3 secretsmanager sns ssm sts".split()

# What loading has put into the environment: where the CLI finds its data.
LOADED = {name: value for name, value in os.environ.items() if name == "AWS_DATA_PATH"}


def call(connection):
    message, files, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    while not message.endswith(b"\n"):
        message += connection.recv(1 << 20)
    request = json.loads(message)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request["dir"])
    os.environ.clear()
    os.environ.update(LOADED | request["env"])
    assumerole = sys.modules.get("awscli.customizations.assumerole")
    if assumerole:  # which has looked for its home when it was loaded
        assumerole.CACHE_DIR = os.path.expanduser("~/.aws/cli/cache")
    sys.argv = ["aws"] + request["args"]
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")
    try:
        status = awscli.clidriver.main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    connection.send(bytes([(status or 0) & 255]))


def load():
    """Has all copies share what is read of the services' models, which else takes most of a call's time."""
    models = {}
    initialize = botocore.loaders.Loader.__init__

    def share(self, *args, **kwargs):
        initialize(self, *args, **kwargs)
        self._cache = models

    botocore.loaders.Loader.__init__ = share
    session = awscli.clidriver.create_clidriver().session
    for service in SERVICES:
        session.create_client(service, region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")
    session.get_component("data_loader").list_available_services(type_name="service-2")
    gc.freeze()  # memory that no copy touches is not copied


def main():
    load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    server = socket.socket(socket.AF_UNIX)
    server.bind(sys.argv[1])
    server.listen(64)
    while True:
        connection, _ = server.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            server.close()
            try:
                call(connection)
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
            os._exit(0)
        connection.close()


main()

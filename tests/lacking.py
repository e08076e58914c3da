"""Asks for what the simulator does not have, in each protocol, and prints what boto3 makes of the answer.

    python tests/lacking.py http://127.0.0.1:PORT
"""

import sys

import boto3
from botocore.exceptions import ClientError

SESSION = boto3.session.Session(
    aws_access_key_id="simulated", aws_secret_access_key="simulated", region_name="us-east-1"
)
ASKED = (
    ("s3", "list_buckets", {}),
    ("s3", "list_objects_v2", {"Bucket": "demo"}),
    ("cloudfront", "list_distributions", {}),
    ("route53", "list_traffic_policies", {}),
    ("lambda", "list_functions", {}),
    ("dynamodb", "list_tables", {}),
    ("sqs", "list_queues", {}),
    ("sns", "list_topics", {}),
    ("elb", "describe_load_balancers", {}),
    ("iam", "list_virtual_mfa_devices", {}),
    ("ec2", "describe_fpga_images", {}),
    ("ecs", "list_attributes", {"targetType": "container-instance"}),
)

for service, operation, asked in ASKED:
    client = SESSION.client(service, endpoint_url=sys.argv[1])
    try:
        getattr(client, operation)(**asked)
        said = "nothing"
    except ClientError as error:
        tries = error.response["ResponseMetadata"]["RetryAttempts"]
        said = f"{error.response['Error']['Code']} {error.response['Error']['Message']}; {tries} retries"
    print(f"{service}.{operation}: {said}")

//! Ids as types of their own, so that a subnet's cannot be handed over as a VPC's.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
            pub struct $name(pub String);

            impl $name {
                /// The id as AWS writes it.
                pub fn as_str(&self) -> &str {
                    &self.0
                }
            }

            impl std::fmt::Display for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str(&self.0)
                }
            }

            impl From<&str> for $name {
                fn from(id: &str) -> Self {
                    Self(id.to_owned())
                }
            }

            impl From<$name> for String {
                fn from(id: $name) -> Self {
                    id.0
                }
            }
        )*
    };
}

ids! {
    /// Id of a VPC: `vpc-…`.
    VpcId,
    /// Id of a subnet: `subnet-…`.
    SubnetId,
    /// Id of an internet gateway: `igw-…`.
    InternetGatewayId,
    /// Allocation id of an elastic IP address: `eipalloc-…`.
    AllocationId,
    /// Id of a NAT gateway: `nat-…`.
    NatGatewayId,
    /// Id of a route table: `rtb-…`.
    RouteTableId,
    /// Id of a security group: `sg-…`.
    SecurityGroupId,
    /// Id of a rule of a security group: `sgr-…`.
    SecurityGroupRuleId,
    /// Id of a VPC endpoint: `vpce-…`.
    VpcEndpointId,
    /// Id of a launch template: `lt-…`.
    LaunchTemplateId,
    /// ARN of a rule of a listener.
    ListenerRuleArn,
    /// Id of a hosted zone, without the leading `/hostedzone/`.
    HostedZoneId,
    /// Id of a namespace of Cloud Map: `ns-…`.
    NamespaceId,
    /// ARN of an IAM role.
    RoleArn,
    /// ARN of a revision of a task definition.
    TaskDefinitionArn,
    /// ARN of a load balancer.
    LoadBalancerArn,
    /// ARN of a target group.
    TargetGroupArn,
    /// ARN of a listener.
    ListenerArn,
}

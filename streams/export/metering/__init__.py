"""What is billed, in the event formats of metering systems: OpenMeter and Lago."""

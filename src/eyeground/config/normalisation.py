"""Mean and standard deviation of R, G, B (0-1) over ImageNet, as torchvision and timm state them for their models."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

"""The normalisation that most published backbones were trained with, as plain numbers that cost nothing to import.

Source: mean and standard deviation of R, G, B over ImageNet's training photographs on the 0-1 scale, as torchvision and
timm state them for their pretrained models.
"""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
